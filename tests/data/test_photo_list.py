from pathlib import Path

import numpy as np
import pytest

from mfn.data.decode import decode_rgb
from mfn.data.photo_list import PhotoList
from mfn.errors import BrokenImageError, DataError
from tests.data.sources import jpeg


def photo_list(folder: Path, text: str) -> PhotoList:
    (folder / "identity.txt").write_text(text, encoding="utf-8")
    return PhotoList(folder / "identity.txt", folder)


def test_celeba(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        (tmp_path / f"00000{number}.jpg").write_bytes(jpeg(number))
    faces = photo_list(tmp_path, "000001.jpg 2880\n000003.jpg 97\n\n000002.jpg  2880\n")
    assert faces.labels.tolist() == [1, 0, 1] and faces.labels.dtype == np.int64
    assert faces.label_names == {0: "97", 1: "2880"}
    assert faces.names == ["000001.jpg", "000003.jpg", "000002.jpg"]
    assert faces.encoded(1) == jpeg(3) and np.array_equal(faces.image(2), decode_rgb(jpeg(2)))


def test_names_with_spaces(tmp_path: Path) -> None:
    (tmp_path / "my photos").mkdir()
    (tmp_path / "my photos/a 1.jpg").write_bytes(jpeg(0))
    tabs = photo_list(tmp_path, "\ufeffmy photos/a 1.jpg\tAnn Lee\r\n")
    assert tabs.names == ["my photos/a 1.jpg"] and tabs.label_names == {0: "Ann Lee"}
    spaces = photo_list(tmp_path, "my photos/a 1.jpg Ann\n")
    assert spaces.names == ["my photos/a 1.jpg"] and spaces.label_names == {0: "Ann"}
    assert tabs.image(0).shape == (16, 16, 3)


def test_a_missing_image_is_a_broken_one(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(0))
    with pytest.raises(BrokenImageError, match=r"b\.jpg: No such file"):
        photo_list(tmp_path, "a.jpg 1\nb.jpg 1\n").image(1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.jpg 1\nalone\n", "line 2 is 'alone', not 'image identity'"),
        ("a.jpg\t1\t2\n", "line 1"),
        ("a.jpg 1\na.jpg 2\n", r"line 2 names a\.jpg a second time"),
        ("\n", "is empty"),
        ("b.jpg 1\n", r"names b\.jpg, which is not in .*: root must be"),
    ],
)
def test_lists_that_are_wrong(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(0))
    with pytest.raises(DataError, match=message):
        photo_list(tmp_path, text)


def test_list_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    with pytest.raises(DataError, match="cannot be read: No such file"):
        PhotoList(tmp_path / "none.txt", tmp_path)
