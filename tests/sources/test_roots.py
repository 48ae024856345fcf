from pathlib import Path

import pytest

from mfn.errors import ConfigError, DataError
from mfn.sources.roots import existing_root, given_path


@pytest.mark.parametrize("root", [None, "", " "])
def test_nothing_given_does_not_mean_the_current_folder(root: str | None) -> None:
    with pytest.raises(ConfigError, match=r"data\.root must be given: .* as in data\.root=DIR"):
        existing_root(root, "data.root")


@pytest.mark.parametrize("root", [True, 1.5, ["a"]])
def test_what_is_no_path(root: object) -> None:
    with pytest.raises(ConfigError, match=r"source\.root=.* is no path: put it in quotes"):
        existing_root(root, "source.root")


def test_a_number_is_the_name_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "2024/a").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert existing_root(2024) == Path("2024")
    with pytest.raises(DataError, match="2025 does not exist"):
        existing_root(2025)


@pytest.mark.parametrize("root", ["~nobody-of-that-name/faces", "a\0b", "missing/below", "file/below"])
def test_what_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="does not exist: give the folder"):
        existing_root(root)


def test_what_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="cannot be opened"):
        existing_root("x" * 5000)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="is a file, not a folder"):
        existing_root(tmp_path / "file")

    def refuse(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(DataError, match=r"cannot be opened \(Permission denied\)"):
        existing_root(tmp_path)


def test_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "faces").mkdir()
    assert given_path("~/faces") == tmp_path / "faces"
