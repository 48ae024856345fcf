import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from mfn.config.quoting import hydra_value, is_read_as_text, quoted_override, shell_word

AWKWARD = [
    *("", " ", "faces", "/data/faces", "~/faces", "faces (2)", "a=b", "[1]", "{a:1}", "a,b", ",", "人脸", " x", "x "),
    *(
        "2024",
        "007",
        "1_0",
        "1e3",
        "nan",
        "null",
        "None",
        "true",
        "no",
        "it's",
        'say "hi"',
        "''",
        '"',
        "'\"",
        "\\",
        "\t",
    ),
    *("a\\", "a\\'", "C:\\faces\\", "${oc.env:HOME}", "\\${x}", "$HOME", "`id`", "a\nb", "-m", "--help", "*", "a;b"),
    "caf\udce9",
]
LETTERS = [*"aZ09_-./\\ \t\n'\"(){}[]=,:~$*?&;|<>#!@%^`+", "人", "${", "\\${", "\udcff", "null", "1e3", "$'"]


@pytest.fixture(scope="module")
def words() -> list[str]:
    rng = random.Random(0)
    return [*AWKWARD, *("".join(rng.choices(LETTERS, k=rng.randint(1, 8))) for _ in range(500))]


def test_hydra_reads_the_very_text(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "conf.yaml").write_text("key: null\n")
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        for word in words:
            assert compose("conf", [f"key={hydra_value(word)}"]).key == word


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_a_shell_hands_over_the_very_word(words: list[str]) -> None:
    command = "printf '%s\\0' " + " ".join(map(shell_word, words))
    said = subprocess.run(["bash", "-c", command], stdout=subprocess.PIPE, check=True).stdout
    assert [os.fsdecode(word) for word in said.split(b"\0")[:-1]] == words


@pytest.mark.parametrize("value", [None, True, 3, -0.25, 1e-6, ["lfw", "a b", "1"], [112, 96], {"a": "x y"}])
def test_other_values_keep_their_type(value: object, tmp_path: Path) -> None:
    (tmp_path / "conf.yaml").write_text("key: null\n")
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        assert compose("conf", [f"key={hydra_value(value)}"]).key == value


def test_what_needs_no_quotes_gets_none() -> None:
    assert quoted_override("data.root", "/data/my-faces_1.0") == "data.root=/data/my-faces_1.0"
    assert quoted_override("data.val_identities", 0.25) == "data.val_identities=0.25"
    assert quoted_override("data.root", "faces (2)") == "'data.root=\"faces (2)\"'"


def test_a_value_of_one_line_stays_on_one_line() -> None:
    assert "\n" not in quoted_override("root", "a\nb\x1b[31m")


@pytest.mark.parametrize("typed", ["faces", "'a b'", '"[1]"', "/a/b:c", ""])
def test_what_was_typed_and_is_text(typed: str) -> None:
    assert is_read_as_text(typed)


@pytest.mark.parametrize("typed", ["2024", "1e3", "null", "a,b", "[1]", " x", "x ", "(", "a=b", "人", "range(3)"])
def test_what_was_typed_and_is_something_else(typed: str) -> None:
    assert not is_read_as_text(typed)
