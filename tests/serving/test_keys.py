from pathlib import Path

import pytest

from mfn.errors import ConfigError
from mfn.serving.keys import Keys

ONE, TWO = "a" * 16, "correct-horse-battery-staple"


def test_keys_of_a_file_are_known_and_no_others(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# for the door\n{ONE}\n\n  {TWO}  \n")
    keys = Keys.read(file)
    assert [keys.place(key.encode()) for key in (ONE, TWO)] == [0, 1]
    for other in (b"", ONE.encode()[:-1], ONE.encode() + b"a", b"# for the door", "ключ".encode()):
        assert keys.place(other) is None


@pytest.mark.parametrize("text", ["", "# nothing\n", "short\n", "with a blank in the middle\n", "schlüsselschlüssel\n"])
def test_files_without_good_keys_are_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "keys"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="keys"):
        Keys.read(file)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\0\x80"])
def test_files_that_cannot_be_read_are_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "no 'keys'"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match="no 'keys'"):
        Keys.read(file)


def test_a_key_is_not_kept(tmp_path: Path) -> None:
    assert ONE not in repr(vars(Keys([ONE])))
