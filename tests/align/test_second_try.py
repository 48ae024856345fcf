from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mfn.align.face import Face
from mfn.align.landmark_file import LandmarkFile
from mfn.align.mtcnn import MtcnnDetector
from mfn.align.second_try import SecondTry
from mfn.align.views import View, brought_back, padded, turned
from mfn.errors import ConfigError
from mfn.images.files import ImageFiles

PHOTO = np.arange(5 * 9 * 3, dtype=np.uint8).reshape(5, 9, 3)
VIEWS = {"padded": padded(0.5), **{f"turned {quarters}": turned(quarters) for quarters in range(4)}}


def face(x: float = 0, y: float = 0, score: float = 0.9) -> Face:
    points = np.array([[x, y], [x + 2, y], [x + 1, y + 1], [x, y + 2], [x + 2, y + 2]], np.float32)
    return Face(np.array([x, y, 3, 3], np.float32), points, score)


class Seen:
    """Finds a face in photos of certain shapes, with the score of each; counts how often it looks."""

    def __init__(self, scores: dict[tuple[int, int], float], mild: "Seen | None" = None) -> None:
        self.scores, self.mild, self.looks = scores, mild, 0

    def lenient(self) -> "Seen":
        return self.mild or Seen({})

    def __call__(self, images: Sequence[np.ndarray], names: Sequence[str]) -> list[list[Face]]:
        self.looks += len(images)
        scores = [self.scores.get(image.shape[:2]) for image in images]
        return [[] if score is None else [face(score=score)] for score in scores]


@pytest.mark.parametrize("name", VIEWS)
def test_what_is_found_in_a_view_lies_where_it_is_in_the_photo(name: str) -> None:
    view: View = VIEWS[name]
    picture = view.see(PHOTO)
    y, x = np.argwhere((picture == PHOTO[1, 6]).all(axis=2))[0]
    found = brought_back(face(x, y), view.back(*PHOTO.shape[:2]))
    assert found.points[0].tolist() == [6, 1]
    # the box holds the very pixels that it held in the view
    left, top, width, height = (int(side) for side in found.box)
    here = PHOTO[max(0, top) : top + height, max(0, left) : left + width]
    there = picture[y : y + 3, x : x + 3]
    seen = {tuple(pixel) for pixel in there.reshape(-1, 3).tolist()} - {(0, 0, 0)}
    assert seen == {tuple(pixel) for pixel in here.reshape(-1, 3).tolist()} - {(0, 0, 0)}


def test_only_photos_without_a_face_are_looked_at_again_and_each_try_is_named() -> None:
    own, other = Seen({(5, 5): 0.8, (8, 12): 0.7}), Seen({(4, 6): 0.95})
    photos = [np.zeros((*size, 3), np.uint8) for size in ((5, 5), (2, 6), (4, 6), (8, 8))]
    *found, nobody = SecondTry(own, ["padded", "yunet"], {"yunet": other})(photos, [""] * 4)
    assert [faces[0].found_by for faces in found] == ["", "padded", "yunet"] and not nobody
    assert own.looks == 4 + 3 and other.looks == 2 * 2  # at the photo, and at it with a border


def test_of_the_turned_views_the_surest_counts_and_points_lie_in_the_photo() -> None:
    photo = np.zeros((4, 9, 3), np.uint8)
    (found,) = SecondTry(Seen({(9, 4): 0.8}), ["turned"])([photo], [""])
    assert found[0].found_by == "turned by 90"  # 270 is as sure, and comes later
    assert found[0].points[0].tolist() == [8, 0] and found[0].box.tolist() == [6, 0, 3, 3]


def test_lower_thresholds_are_the_detectors_own() -> None:
    (found,) = SecondTry(Seen({}, Seen({(4, 9): 0.55})), ["padded", "lower_threshold", "turned"])(
        [np.zeros((4, 9, 3), np.uint8)], [""]
    )
    assert found[0].found_by == "lower threshold" and found[0].score == 0.55


def test_mtcnn_becomes_lenient_and_never_stricter() -> None:
    detector = MtcnnDetector(thresholds=(0.6, 0.3, 0.7))
    assert detector.lenient().thresholds == (0.5, 0.3, 0.5) and detector.thresholds == (0.6, 0.3, 0.7)


def test_what_cannot_be_tried_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"second_try=squint must be padded, turned, lower_threshold or another"):
        SecondTry(Seen({}), ["squint"])
    (tmp_path / "table.txt").write_text("path lex ley rex rey nx ny lmx lmy rmx rmy\n")
    table = LandmarkFile(tmp_path / "table.txt")
    with pytest.raises(ConfigError, match="LandmarkFile does not look at photos: name another detector"):
        SecondTry(table, ["padded"])
    (found,) = SecondTry(table, ["mtcnn"], {"mtcnn": Seen({(4, 9): 0.9})})([np.zeros((4, 9, 3), np.uint8)], ["a"])
    assert found[0].found_by == "mtcnn"


def test_a_real_face_on_its_side_and_cut_tightly(shared: Path) -> None:
    files = sorted((shared / "data/lfw_raw/images").rglob("*.jpg"))[:1]
    photo = ImageFiles("lfw", files).image(0)
    detector = MtcnnDetector()
    upright = detector([photo], [""])[0][0]
    (again,) = SecondTry(detector, ["turned"])([np.ascontiguousarray(np.rot90(photo, 2))], [""])
    if again[0].found_by:  # MTCNN sees some faces upside down too
        assert np.abs((249 - again[0].points) - upright.points).max() < 2
    left, top, width, height = upright.box.astype(int)
    tight = photo[top + height // 8 : top + 7 * height // 8, left + width // 8 : left + 7 * width // 8].copy()
    (found,) = SecondTry(detector)([tight], [""])
    corner = np.array([left + width // 8, top + height // 8])
    assert found and np.abs(found[0].points + corner - upright.points).max() < 8
