import numpy as np
import pytest

from mfn.align.choose import choose_face
from mfn.align.face import Face
from mfn.errors import ConfigError


def face(x: float, y: float, w: float, h: float) -> Face:
    return Face.rounded([x, y, w, h], np.zeros((5, 2)), 0.9)


LARGE, CENTRAL, OTHER = face(0, 0, 50, 60), face(90, 40, 20, 20), face(150, 10, 30, 30)


def test_one_face_is_taken_whatever_the_rule() -> None:
    for several in ("skip", "largest", "central"):
        assert choose_face([OTHER], (100, 200), several) is OTHER
        assert choose_face([], (100, 200), several) is None


@pytest.mark.parametrize(("several", "expected"), [("skip", None), ("largest", LARGE), ("central", CENTRAL)])
def test_one_of_several(several: str, expected: Face | None) -> None:
    for faces in ([LARGE, CENTRAL, OTHER], [OTHER, CENTRAL, LARGE]):
        assert choose_face(faces, (100, 200), several) is expected


def test_of_equal_faces_the_first_is_taken() -> None:
    left, right = face(0, 40, 20, 20), face(180, 40, 20, 20)
    for several in ("largest", "central"):
        assert choose_face([left, right], (100, 200), several) is left


def test_another_rule_is_refused_even_for_one_face() -> None:
    with pytest.raises(ConfigError, match="skip, largest, central"):
        choose_face([LARGE], (100, 200), "smallest")


def test_a_face_says_hundredths_of_a_pixel() -> None:
    noisy = Face.rounded(np.full(4, 1.23456), np.full((5, 2), 2.34561), np.float32(0.123449))
    assert noisy.box.dtype == noisy.points.dtype == np.float32 and isinstance(noisy.score, float)
    np.testing.assert_array_equal(noisy.box, np.full(4, 1.23, np.float32))
    np.testing.assert_array_equal(noisy.points, np.full((5, 2), 2.35, np.float32))
    assert noisy.score == 0.1234
