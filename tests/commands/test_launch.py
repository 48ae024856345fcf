"""What the scripts say of a command line before Hydra has it."""

from pathlib import Path

import pytest

from mfn.commands.launch import jobs_of, plain_arguments, train_arguments
from mfn.config.command_line import CommandLine
from mfn.config.compose import composed
from mfn.errors import ConfigError
from tests.scripts import run_script


@pytest.mark.parametrize("name", ["train", "evaluate", "export"])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["benchmark=lffw"], "Could not load 'benchmark/lffw'|Could not find 'benchmark/lffw'"),
        (["benchmark=[lfw,nothing]"], "benchmark/nothing'. benchmark is one of agedb_30, .*calfw, .*vgg2_fp"),
        (["bencmark=lfw"], "there is no key bencmark: the configuration has .*benchmark"),
        (["benchmark.rot=x"], r"there is no key benchmark\.rot: benchmark has allow_missing.*root"),
        (["foo"], "'foo' is no override: expected key=value"),
        ([""], "an empty word"),
        (["  "], "an empty word"),
        (["benchmark.root=~/faces (2)"], r"quoted it stands for itself: 'benchmark\.root=\"~/faces \(2\)\"'"),
        (["--config-dir", "nowhere"], "--config-dir nowhere: there is no such folder"),
    ],
    ids=str,
)
def test_words_that_do_not_compose_end_in_one_sentence(name: str, words: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        train_arguments(words) if name == "train" else plain_arguments(words, name)
    assert "\n" not in str(caught.value)


def test_words_that_compose_pass() -> None:
    words = ["model_path=y", "benchmark.root=2024"]
    assert plain_arguments(["benchmark=lfw,cfp_fp", *words], "evaluate") == [
        "benchmark=[lfw,cfp_fp]",
        "model_path=y",
        'benchmark.root="2024"',
    ]
    assert plain_arguments(["-m", "flip=none,sum", *words], "evaluate")[:2] == ["-m", "flip=none,sum"]
    assert plain_arguments(["--hydra-help", "nonsense"], "evaluate") == ["--hydra-help", "nonsense"]
    assert plain_arguments(["--cfg", "job", "flip=none"], "evaluate") == ["--cfg", "job", "flip=none"]
    with pytest.raises(ConfigError, match="flip=none,sum names several values: add -m"):
        plain_arguments(["flip=none,sum"], "evaluate")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["train", "evaluate", "export"])
def test_a_script_that_is_typed_wrongly_ends_in_one_sentence(name: str, tmp_path: Path) -> None:
    for words in (["foo=1"], [""], ["+a.b=1"], ["model_path=x", "batch_size=abc"]):
        done = run_script(name, *words, cwd=tmp_path, status=1)
        assert done.last_line.partition("error: ")[1], done.output
        assert "Traceback" not in done.output and "HYDRA_FULL_ERROR" not in done.output


def test_a_value_that_makes_no_sense_is_told_before_data_is_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="seed=-1"):
        train_arguments(["data=ms1m", f"data.root={tmp_path / 'missing'}", "seed=-1"], tmp_path)
    with pytest.raises(ConfigError, match=r"job 1 of the sweep, seed=x: seed=x does not fit"):
        train_arguments(["-m", "seed=1,x"], tmp_path)
    for word in ("+trainer.x=1", "+data.source.x=1", "+data.module.x=1", "+logger.csv.x=1", "+augment.x=1"):
        with pytest.raises(ConfigError, match=rf"{word[1:-2]} does not exist: .* takes "):
            train_arguments([word], tmp_path)


@pytest.mark.parametrize(
    ("name", "has", "has_not"),
    [
        (
            "train",
            ["  head        adacos, ", " own,", "  logger  ", "seed: 0"],
            ["balance", "target", "recipe/", "source "],
        ),
        ("evaluate", ["  benchmark  agedb_30, ", "store_threshold: null", "# false accept rate"], ["head", "balance"]),
        ("export", ["  target     all, coreml", "calibration_count: 512"], ["head", "balance"]),
    ],
)
def test_help_tells_what_this_script_takes_and_nothing_else(
    name: str, has: list[str], has_not: list[str], tmp_path: Path
) -> None:
    (tmp_path / "head").mkdir()
    (tmp_path / "head" / "own.yaml").write_text("_target_: mfn.heads.arcface.ArcFaceHead\n")
    told = run_script(name, "--help", "--config-dir", str(tmp_path), cwd=tmp_path).output
    groups = told.partition("Groups:")[2].partition("Keys,")[0]
    assert all(text in told for text in has), told
    assert not any(text in groups for text in has_not)


@pytest.mark.parametrize(
    ("words", "learnt"),
    [
        (["teacher=x.ckpt"], {"embedding"}),
        (["teacher=x.ckpt", "head=none"], {"embedding"}),
        (["teacher=x.ckpt", "experiment=blocks"], {"blocks", "embedding"}),
        (["teacher=x.ckpt", "experiment=blocks", "distill=[relations]"], {"relations"}),
        (["-m", "teacher=x.ckpt", "experiment=blocks", "seed=0,1"], {"blocks", "embedding"}),
        (["-m", "teacher=x.ckpt", "seed=0,1"], {"embedding"}),
        (["experiment=qat", "model_path=x.ckpt"], {"embedding"}),
        (["head=softmax"], set()),
    ],
)
def test_a_teacher_teaches_embeddings_unless_something_says_what(words: list[str], learnt: set[str]) -> None:
    arguments = train_arguments(["data.source.num_identities=6", *words])
    for job in jobs_of(CommandLine.parse(arguments)):
        assert set(composed("train", [*job, "paths.output=x"]).get("distill") or {}) == learnt
