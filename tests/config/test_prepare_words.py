"""Words behind `mfn prepare`: what cannot be meant is told in one sentence."""

import pytest

from mfn.config.prepare_words import parse_words
from mfn.errors import ConfigError

STEPS = ("", "align", "bin")


def test_words_are_sorted() -> None:
    words = parse_words(["align", "seed=1", "--config-dir", "mine", "quality=90", "--cfg=job"], STEPS, "")
    assert (words.step, words.overrides, words.config_dir) == ("align", ("seed=1", "quality=90"), "mine")
    assert words.cfg and not words.help
    assert parse_words(["--help"], STEPS, "").help and parse_words([], STEPS, "").overrides == ()


def test_paths_stay_text_and_lists_need_no_brackets() -> None:
    typed = ["source.root=2024", "output=a b", "benchmark=lfw,cfp_fp", "steps=clean,split"]
    assert parse_words(typed, STEPS, "").overrides == (
        'source.root="2024"',
        "output=a b",
        "benchmark=[lfw,cfp_fp]",
        "steps=[clean,split]",
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("nonsense", "nonsense is no step and no key=value: there is align"),
        ("source.root", "source.root is no step"),
        ("seed=1 align", "leave align out, or put it first"),
        ("align bin", "leave bin out"),
        ("-m seed=1,2", "unrecognized arguments: -m: mfn prepare has --help"),
        ("--multirun", "unrecognized arguments: --multirun"),
        ("--cfg all", "invalid choice: 'all'"),
        ("--cfg", "expected one argument"),
        ("--config-dir", "expected one argument"),
        ("--hep", "--hep"),
        ("~seed", "needs all of its keys"),
        ("hydra.run.dir=x", "none of Hydra's own"),
        ("seed=1,2", "seed=1,2 names several values, and mfn prepare takes one"),
        ("source=folder,pack", "several values"),
        ("output=[a]", "is a list, where one path is expected"),
        ("output=a(", r"quoted it stands for itself: 'output=\"a\(\"'"),
        ("=1", "=1"),
    ],
)
def test_what_cannot_be_meant_is_told(words: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence) as told:
        parse_words(words.split(), STEPS, "there is align")
    assert "\n" not in str(told.value)


def test_an_empty_word_is_told() -> None:
    with pytest.raises(ConfigError, match="'' is no step"):
        parse_words([""], STEPS, "")
