import csv
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import pytest

from mfn.align.choose import choose_face
from mfn.align.face import Face
from mfn.align.landmark_file import LandmarkFile
from mfn.align.mtcnn import MtcnnDetector
from mfn.align.similarity import similarity_transform
from mfn.contract import ARCFACE_112
from mfn.errors import ConfigError
from tests.align.drawn import MARGIN, photo

DETECTOR = MtcnnDetector()


def find(images: list[np.ndarray], detector: MtcnnDetector = DETECTOR) -> list[list[Face]]:
    return detector(images, ["" for _ in images])


def assert_alike(found: list[list[Face]], expected: list[list[Face]], atol: float = 0.011) -> None:
    """Equal but for the rounding of numbers that differ in their last bits."""
    assert [len(faces) for faces in found] == [len(faces) for faces in expected]
    for face, other in zip(chain(*found), chain(*expected), strict=True):
        np.testing.assert_allclose(face.points, other.points, atol=atol)
        np.testing.assert_allclose(face.box, other.box, atol=atol)
        assert abs(face.score - other.score) <= 2e-4


def read(path: Path) -> np.ndarray:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB), np.uint8)


def test_landmarks_come_in_the_order_of_the_template() -> None:
    for (face,) in find([photo(0), photo(1), photo(2)]):
        matrix = similarity_transform(face.points, ARCFACE_112)
        on_crop = face.points @ matrix[:, :2].T + matrix[:, 2]
        assert np.linalg.norm(on_crop - ARCFACE_112, axis=1).max() < 15
        x, y, w, h = face.box
        assert (face.points > [x, y]).all() and (face.points < [x + w, y + h]).all()
        assert 0.7 < face.score <= 1


def test_a_photo_does_not_depend_on_the_others() -> None:
    photos = [photo(0), photo(1, 31), photo(2), np.full((50, 70, 3), 128, np.uint8), photo(3)]
    alone = [find([image])[0] for image in photos]
    assert [len(faces) for faces in alone] == [1, 1, 1, 0, 1]
    assert_alike(find(photos), alone)
    assert_alike(find(photos[::-1])[::-1], alone)
    assert_alike(find(photos, MtcnnDetector(batch_size=3)), alone)


def test_faces_move_with_the_photo() -> None:
    image = photo(3)
    (face,) = find([image])[0]
    (shifted,) = find([cv2.copyMakeBorder(image, 100, 0, 200, 0, cv2.BORDER_REPLICATE)])[0]
    np.testing.assert_allclose(shifted.points - [200, 100], face.points, atol=0.08 * face.box[2])


def test_large_photos_give_landmarks_in_their_own_pixels() -> None:
    (face,) = find([photo(1)])[0]
    large = cv2.resize(photo(1), None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    (found,) = find([large], MtcnnDetector(max_side=400))[0]
    np.testing.assert_allclose(found.points / 4, face.points, atol=0.04 * face.box[2])
    for too_small in ({"min_face": 1500}, {"max_side": 15}):
        assert find([large], MtcnnDetector(**too_small))[0] == []


def test_a_face_cut_by_the_border_is_found() -> None:
    (face,) = find([photo(0)])[0]
    left = int(face.box[0] + 0.15 * face.box[2])
    (found,) = find([photo(0)[:, left:]])[0]
    np.testing.assert_allclose(found.points - [-left, 0], face.points, atol=0.1 * face.box[2])


def test_nothing_gives_no_faces() -> None:
    assert find([]) == []
    noise = np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    assert find([noise, np.zeros((5, 300, 3), np.uint8), photo(0)[:MARGIN]]) == [[], [], []]


def test_a_higher_threshold_leaves_fewer_faces() -> None:
    photos = [photo(index) for index in range(8)]
    scores = np.array([face.score for faces in find(photos) for face in faces])
    least = float(np.median(scores))
    strict = find(photos, MtcnnDetector(thresholds=(0.6, 0.7, least)))
    assert 0 < sum(map(len, strict)) == (scores > least).sum() < scores.size


@pytest.mark.parametrize(
    "bad",
    [
        {"thresholds": (0.6, 0.7)},
        {"thresholds": (0.6, 0.7, 1)},
        {"factor": 1},
        {"min_face": 0},
        {"max_side": 5},
        {"device": "tpu9"},
    ],
)
def test_arguments_that_make_no_sense_are_refused(bad: dict) -> None:
    with pytest.raises(ConfigError, match=next(iter(bad))):
        MtcnnDetector(**bad)


@pytest.mark.slow
def test_wild_photos_agree_with_another_detector(shared: Path) -> None:
    with (shared / "data/wild/landmarks.tsv").open() as lines:
        names = [row["path"] for row in csv.DictReader(lines, delimiter="\t")][::4]
    photos = [read(shared / "data/wild/photos" / name) for name in names]
    given = LandmarkFile(shared / "data/wild/landmarks.tsv")(photos, names)
    distances = []
    for image, faces, (other,) in zip(photos, find(photos), given, strict=True):
        face = choose_face(faces, image.shape[:2], "largest")
        assert face is not None
        matrix = similarity_transform(other.points, ARCFACE_112)
        distances.append(np.linalg.norm((face.points - other.points) @ matrix[:, :2].T, axis=1))
    # Pixels of the 112 crop; two detectors of our own time are about this far apart
    assert np.median(distances) < 3 and np.mean(distances, axis=1).max() < 20


def test_faces_of_lfw_are_found_in_the_middle(shared: Path) -> None:
    photos = [read(path) for path in sorted((shared / "data/lfw_raw/images").rglob("*.jpg"))[::80]]
    assert len(photos) == 20
    for faces in find(photos):
        face = choose_face(faces, (250, 250), "central")
        assert face is not None
        assert np.linalg.norm(face.points.mean(axis=0) - 125) < 20 and 60 < face.box[2] < 120
