from pathlib import Path

import numpy as np
import pytest

from mfn.align.face import Face
from mfn.align.landmark_file import LandmarkFile
from mfn.errors import ConfigError, DataError

HEADER = ["path", "x", "y", "w", "h", "lex", "ley", "rex", "rey", "nx", "ny", "lmx", "lmy", "rmx", "rmy", "score"]
NUMBERS = ["1", "2", "30", "40", "10", "11", "20", "12", "15", "18", "11", "25", "19", "26"]
POINTS = [[10, 11], [20, 12], [15, 18], [11, 25], [19, 26]]
CELEBA = ["lefteye_x", "lefteye_y", "righteye_x", "righteye_y", "nose_x", "nose_y"]
CELEBA += ["leftmouth_x", "leftmouth_y", "rightmouth_x", "rightmouth_y"]


def written(path: Path, *rows: list[str], mark: str = "\t") -> Path:
    path.write_text("".join(mark.join(row) + "\n" for row in rows), encoding="utf-8")
    return path


def faces(path: Path, name: str) -> list[Face]:
    return LandmarkFile(path)([], [name])[0]


@pytest.mark.parametrize("mark", ["\t", ",", " "])
def test_reads_a_table(tmp_path: Path, mark: str) -> None:
    path = written(tmp_path / "l", HEADER, ["a/1.jpg", *NUMBERS, "0.875"], mark=mark)
    (face,) = faces(path, "a/1.jpg")
    np.testing.assert_array_equal(face.box, [1, 2, 30, 40])
    np.testing.assert_array_equal(face.points, POINTS)
    assert face.score == 0.875 and face.points.dtype == np.float32
    assert faces(path, "a/2.jpg") == []


def test_several_faces_come_surest_first(tmp_path: Path) -> None:
    rows = [["b c.jpg", *NUMBERS, score] for score in ("0.5", "0.75", "0.25")]
    path = written(tmp_path / "l.tsv", HEADER, rows[0], ["z.jpg", *NUMBERS, "1"], *rows[1:])
    assert [face.score for face in faces(path, "b c.jpg")] == [0.75, 0.5, 0.25]
    assert [len(found) for found in LandmarkFile(path)([], ["z.jpg", "y.jpg", "b c.jpg"])] == [1, 0, 3]


def test_columns_may_lack_stand_elsewhere_or_be_more(tmp_path: Path) -> None:
    path = written(tmp_path / "l.csv", ["smile", *HEADER[5:15], "path"], ["yes", *NUMBERS[4:], '"a,b.jpg"'], mark=",")
    (face,) = faces(path, "a,b.jpg")
    np.testing.assert_array_equal(face.points, POINTS)
    # twice the extent of the points about their middle
    np.testing.assert_array_equal(face.box, [5, 3.5, 20, 30])
    assert np.isnan(face.score)


def test_reads_celebas_list_and_the_same_as_csv(tmp_path: Path) -> None:
    row = ["000001.jpg", *NUMBERS[4:]]
    listed = written(tmp_path / "list.txt", ["1"], CELEBA, row, mark="  ")
    table = written(tmp_path / "list.csv", ["image_id", *CELEBA], row, mark=",")
    for path in (listed, table):
        np.testing.assert_array_equal(faces(path, "000001.jpg")[0].points, POINTS)


@pytest.mark.parametrize(
    "row",
    [
        ["a.jpg"],
        ["a.jpg", *NUMBERS, "1", "2"],
        ["a.jpg", *NUMBERS[:-1], "?", "1"],
        ["a.jpg", *NUMBERS[:-1], "nan", "1"],
    ],
)
def test_a_line_that_is_no_face_is_named(tmp_path: Path, row: list[str]) -> None:
    path = written(tmp_path / "l.tsv", HEADER, ["a.jpg", *NUMBERS, "1"], [""], row)
    with pytest.raises(DataError, match="line 4 is no face"):
        LandmarkFile(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no landmark file"):
        LandmarkFile(tmp_path / "none.tsv")
    with pytest.raises(DataError, match=r"line 1 is no header.* lacks path nx ny:"):
        LandmarkFile(written(tmp_path / "l.tsv", [name for name in HEADER if name not in ("path", "nx", "ny")]))
    with pytest.raises(DataError, match="line 2 is no header"):
        LandmarkFile(written(tmp_path / "l.txt", ["12"]))
    with pytest.raises(DataError, match="lacks path"):
        LandmarkFile(written(tmp_path / "empty"))
    (tmp_path / "photo.jpg").write_bytes(bytes([0xFF, 0xD8, 0xFF]))
    with pytest.raises(DataError, match="not a text file"):
        LandmarkFile(tmp_path / "photo.jpg")


def test_reads_the_landmarks_of_real_photos(shared: Path) -> None:
    path = shared / "data/wild/landmarks.tsv"
    (face,) = faces(path, "07247/014506.jpg")
    np.testing.assert_allclose(face.box, [205.6, 45.05, 98.3, 130.04], rtol=1e-6)
    np.testing.assert_allclose(face.points[[0, 4]], [[230.71, 96.23], [272.69, 142.61]], rtol=1e-6)
