"""Whose file is it? And what a command that may write over one does."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mfn.errors import DataError
from mfn.files.ownership import is_json_like, is_png_of_ours, is_prepared, refuse_to_replace, write_json, writing
from mfn.report.contact_sheet import write_contact_sheet
from mfn.report.histogram import draw_histogram

FOUND = {"path": "faces", "kind": "pack"}
ROWS = [{"what": "records", "per_second": 1.5}, {"what": "loader", "per_second": 2.5}]


def test_pictures_of_ours_are_known_and_others_are_not(tmp_path: Path) -> None:
    pixels = np.zeros((30, 30, 3), np.uint8)
    write_contact_sheet(tmp_path / "sheet.png", [pixels], ["one"])
    draw_histogram({"pack": np.array([1, 2, 9])}, tmp_path / "histogram.png")
    cv2.imwrite(str(tmp_path / "photo.png"), pixels)
    cv2.imwrite(str(tmp_path / "photo.jpg"), pixels)
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    ours = {path.name for path in tmp_path.iterdir() if is_png_of_ours(path)}
    assert ours == {"sheet.png", "histogram.png"}
    write_contact_sheet(tmp_path / "sheet.png", [pixels], ["again"])
    for name in ("photo.png", "photo.jpg", "text.png", "folder.png"):
        with pytest.raises(DataError, match=name):
            write_contact_sheet(tmp_path / name, [pixels], ["one"])


@pytest.mark.parametrize("content", [FOUND, ROWS])
def test_a_json_is_ours_by_its_keys(content: object, tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    write_json(file, content)
    write_json(file, content)
    assert json.loads(file.read_text()) == content
    for foreign in ("{}", "[]", "null", "3", '{"mine": 1}', '[{"mine": 1}]', "[[]]", "mine", "", "[" * 100_000):
        file.write_text(foreign)
        with pytest.raises(DataError, match="mfn did not write it"):
            write_json(file, content)
        assert file.read_text() == foreign


def test_a_json_goes_to_a_pipe_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_json(Path("/dev/stdout"), FOUND)
    write_json(Path("/dev/null"), FOUND)
    assert json.loads(capfd.readouterr().out) == FOUND and Path("/dev/null").is_char_device()


def test_links_and_folders_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "dangling.json").symlink_to(tmp_path / "nowhere")
    (tmp_path / "linked.json").symlink_to(tmp_path / "photo.jpg")
    (tmp_path / "photo.jpg").write_bytes(b"mine")
    (tmp_path / "folder.json").mkdir()
    for name in ("dangling.json", "linked.json", "folder.json"):
        with pytest.raises(DataError, match=name):
            write_json(tmp_path / name, FOUND)
    assert (tmp_path / "dangling.json").is_symlink() and (tmp_path / "photo.jpg").read_bytes() == b"mine"
    assert not is_json_like(tmp_path / "dangling.json", FOUND)


def test_a_disk_that_is_full_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    write_json(file, FOUND)
    told = pytest.raises(DataError, match=r"found\.json cannot be written \(No space left on device\)")
    with told, writing(file, lambda path: True) as temporary:
        temporary.write_text("half")
        raise OSError(28, "No space left on device")
    assert json.loads(file.read_text()) == FOUND and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(DataError, match="cannot be written"):
        write_json(file / "below" / "a" / "file.json", FOUND)


def test_nothing_there_is_nobodys(tmp_path: Path) -> None:
    refuse_to_replace(tmp_path / "new", lambda path: False)


@pytest.mark.parametrize(
    ("content", "ours"),
    [
        ('{"photos": {"count": 3, "sha256": "0123"}, "align": null}', True),
        ('{"photos": [], "align": null}', False),
        ('{"editor.fontSize": 12}', False),
        ("[]", False),
        ("{", False),
        (None, False),
    ],
)
def test_a_folder_of_prepare_is_known_by_its_settings(content: str | None, ours: bool, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "settings.json").write_text(content)
    assert is_prepared(tmp_path) == ours
