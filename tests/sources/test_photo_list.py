from pathlib import Path

import numpy as np
import pytest

from mfn.errors import BrokenImageError, DataError
from mfn.images.decode import decode_rgb
from mfn.sources.photo_list import PhotoList
from tests.sources.files import jpeg


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


def test_images_that_are_not_there_and_lines_that_say_it_again_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(0))
    faces = photo_list(tmp_path, "image_id,identity\na.jpg,1\nb.jpg,1\nA.JPG,1.0\n")
    assert faces.names == ["a.jpg"] and faces.label_names == {0: "1"}
    assert faces.passed_over.counts == {
        "lines whose image is not there": 2,
        "lines that say again what another one says": 1,
    }
    assert "lines whose image is not there: 2 (image_id, b.jpg)" in caplog.text
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(BrokenImageError, match=r"a\.jpg: No such file"):
        faces.image(0)


@pytest.mark.parametrize(
    "text",
    [
        "sub/a.jpg 7\nsub/b b.jpg 12\n",
        "sub/a.jpg\t7\nsub/b b.jpg\t12\n",
        " sub/a.jpg \t 7 \t\r\n\r\nsub/b b.jpg\t12\r\n",
        "\ufeffsub/a.jpg,7,\nsub/b b.jpg,12,\n",
        "sub\\a.jpg; 7.0 ;\nsub\\b b.jpg;12.0;\n",
        "SUB/A.JPG 7\nsub/b b.png 12",
        '"sub/a.jpg" 7\n"sub/b b.jpg" 12\n',
        "sub/a.jpg 7\rsub/b b.jpg 12\r",
    ],
)
def test_lists_however_they_were_written(tmp_path: Path, text: str) -> None:
    (tmp_path / "sub").mkdir()
    for number, name in enumerate(("a.jpg", "b b.jpg")):
        (tmp_path / "sub" / name).write_bytes(jpeg(number))
    (tmp_path / "identity.txt").write_bytes(text.encode())
    faces = PhotoList(tmp_path / "identity.txt", tmp_path)
    assert faces.labels.tolist() == [0, 1] and faces.label_names == {0: "7", 1: "12"}
    assert [faces.encoded(index) for index in range(2)] == [jpeg(0), jpeg(1)]
    assert not faces.passed_over.counts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.jpg 1\nalone\n", "line 2 is 'alone', not 'image identity'"),
        ("a.jpg\t1\t2\n", "line 1"),
        ("a.jpg 1\na.jpg 2\n", r"line 2 names a\.jpg as 2, and as 1 before"),
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
    with pytest.raises(DataError, match=r"none\.txt does not exist"):
        PhotoList(tmp_path / "none.txt", tmp_path)
