"""What was typed, apart from what Hydra makes of it."""

import shlex

import pytest

from mfn.config.command_line import CommandLine
from mfn.errors import ConfigError
from tests.config.test_quoting import AWKWARD


def understood(*words: str) -> CommandLine:
    return CommandLine.parse(words).understandable()


def test_flags_and_overrides_come_apart_in_any_order() -> None:
    line = CommandLine.parse(["a=1", "-m", "b=2", "--cfg", "job", "--config-dir", "mine", "+c=3", "~d"])
    assert line.overrides == ("a=1", "b=2", "+c=3", "~d")
    assert (line.multirun, line.config_dir, line.only_shows) == (True, "mine", False)
    assert CommandLine.parse(line.arguments()) == line
    assert CommandLine.parse(["--help"]).help and CommandLine.parse(["--config-path", "x"]).other_config


@pytest.mark.parametrize("typed", [["data.root=2024"], ["data.root=1e3"], ["data.root=true"], ["data.root= a "]])
def test_a_path_is_the_text_that_was_typed(typed: list[str]) -> None:
    assert understood(*typed).text("data.root") == typed[0].partition("=")[2]


def test_numbers_stay_numbers_elsewhere() -> None:
    assert understood("seed=2024", "optimizer.lr=1e3").overrides == ("seed=2024", "optimizer.lr=1e3")


@pytest.mark.parametrize("key", ["data.root", "model_path", "benchmark.root", "model_path", "output"])
@pytest.mark.parametrize("text", [text for text in AWKWARD if text not in ("", "null")])
def test_a_path_is_taken_as_it_is_or_refused_with_what_to_type(key: str, text: str) -> None:
    try:
        line = understood(f"{key}={text}")
    except ConfigError as error:
        remedy = shlex.split(str(error)[str(error).index(f"'{key}=") :])[0]
        line = understood(remedy)
    assert line.text(key) == text


@pytest.mark.parametrize(
    "word", ["head='64'", "callbacks=['default',\"ema\"]", "data={own:ms1m}", "head=null", "image_size=[64,64]"]
)
def test_names_are_left_as_they_are(word: str) -> None:
    assert understood(word).overrides == (word,)


def test_several_values_need_brackets_only_where_they_could_be_a_sweep() -> None:
    assert understood("benchmark=lfw,cfp_fp").overrides == ("benchmark=[lfw,cfp_fp]",)
    assert understood("-m", "benchmark=lfw,cfp_fp").overrides == ("benchmark=lfw,cfp_fp",)
    assert understood("-m", "data.root=a,b").overrides == ("data.root=a,b",)


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("", "an empty word"),
        ("  ", "an empty word"),
        ("head", "'head' is no override: expected key=value"),
        ("data.root=a,b", "several values, where one path is expected"),
        ("data.root=[a]", "a list, where one path is expected"),
        ("lr=(", "is not understood"),
        ("head=64", "head=64: head is chosen by name, and 64 is none: there is .*arcface"),
        ("callbacks=[default,64]", "callbacks is chosen by name, and 64 is none: there is .*ema"),
        ("callbacks=default,64", "and 64 is none"),
        ("logger=[csv,3.5]", "and 3.5 is none: there is csv, "),
        ("distill=[true]", "and True is none: there is blocks, "),
        ("target=[[onnx]]", r"and \['onnx'\] is none"),
        ("benchmark=[{lfw:x}]", "and {'lfw': 'x'} is none"),
        ("benchmark=[lfw,null]", "and None is none"),
    ],
)
def test_what_is_no_override_is_told(word: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        understood(word)


@pytest.mark.parametrize(
    ("word", "what"),
    [
        ("head=arcface,64", "64"),
        ("head=choice(64,arcface)", "64"),
        ("head=range(1,3)", "1"),
        ("head=interval(0,1)", "0.0"),
        ("callbacks=[default],[default,64]", "64"),
        ("benchmark=lfw,2.5", "2.5"),
    ],
)
def test_a_sweep_over_what_is_no_name_is_told(word: str, what: str) -> None:
    with pytest.raises(ConfigError, match=f" is chosen by name, and {what} is none: there is "):
        understood("-m", word)


@pytest.mark.parametrize("word", ["head='arcface',\"cosface\"", "callbacks=['default'],[default,ema]", "head=glob(*)"])
def test_names_of_a_sweep_are_left_as_they_are(word: str) -> None:
    assert understood("-m", word).overrides == (word,)
