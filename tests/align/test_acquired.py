import numpy as np
import pytest

from mfn.align.acquired import acquired
from mfn.align.face import Face

POINTS = np.array([[1, 1], [3, 1], [2, 2], [1, 3], [3, 3]], np.float32)


def face(side: float, points: np.ndarray = POINTS) -> Face:
    return Face(np.array([0, 0, side, 2 * side], np.float32), points, 0.9)


@pytest.mark.parametrize(
    ("faces", "several", "reason"),
    [
        ([], "central", "no face"),
        ([face(20)], "skip", ""),
        ([face(20), face(30)], "skip", "several faces"),
        ([face(20), face(30)], "largest", ""),
        ([face(9)], "central", "face too small"),
        ([face(20, np.zeros((5, 2), np.float32))], "central", "landmarks without extent"),
    ],
    ids=["none", "one", "several", "largest", "small", "one-place"],
)
def test_why_a_photo_gives_no_face(faces: list[Face], several: str, reason: str) -> None:
    found, why = acquired(faces, (50, 50), several, 10)
    assert why == reason and (found is None) == (reason in ("no face", "several faces"))
