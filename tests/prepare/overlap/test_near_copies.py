"""Near copies between two sets: as comparing all with all would find them."""

import cv2
import numpy as np
import pytest

from mfn.errors import BrokenImageError, ConfigError
from mfn.prepare.overlap import near_copies as module
from mfn.prepare.overlap.near_copies import likeness, near_copies, nearest_hash
from mfn.synthetic.dataset import SyntheticFaces


def crowd(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    few = random.integers(0, 2**64, 50, dtype=np.uint64)
    few[7] = few[3]
    many = few[random.integers(0, 50, 400)]
    flips = random.integers(0, 18, 400)
    for turn in range(18):
        many = np.where(turn < flips, many ^ (np.uint64(1) << random.integers(0, 64, 400, np.uint64)), many)
    return many, few


@pytest.mark.parametrize("distance", [0, 1, 4, 6, 15])
def test_the_nearest_is_that_of_comparing_all_with_all(distance: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CANDIDATES", 30)
    many, few = crowd(distance)
    table = np.bitwise_count(many[:, None] ^ few).astype(int)
    place, bits = nearest_hash(many, few, distance)
    near = table.min(axis=1) <= distance
    assert near.any()
    assert np.array_equal(place >= 0, near)
    assert np.array_equal(bits[near], table.min(axis=1)[near]) and (bits[~near] == 65).all()
    assert np.array_equal(table[near, place[near]], bits[near])
    assert 7 not in place  # the first of equal ones is named


@pytest.mark.parametrize(("many", "few"), [(0, 5), (5, 0), (0, 0)])
def test_empty_sets_have_nothing(many: int, few: int) -> None:
    place, bits = nearest_hash(np.zeros(many, np.uint64), np.zeros(few, np.uint64), 6)
    assert place.tolist() == [-1] * many and bits.tolist() == [65] * many


def test_a_distance_out_of_range_is_refused() -> None:
    with pytest.raises(ConfigError, match="from 0 to 15"):
        nearest_hash(np.zeros(1, np.uint64), np.zeros(1, np.uint64), 16)


class Pictures:
    """A set of images; None is a broken one."""

    def __init__(self, name: str, images: list[np.ndarray | None]) -> None:
        self.name = name
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def image(self, index: int) -> np.ndarray:
        image = self._images[index]
        if image is None:
            raise BrokenImageError(f"{self.describe(index)} is broken")
        return image

    def describe(self, index: int) -> str:
        return f"{self.name} {index}"


def encoded_again(image: np.ndarray) -> np.ndarray:
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 70])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def textured(seed: int) -> np.ndarray:
    """A picture with detail at all scales, so that no two are alike."""
    random, image = np.random.default_rng(seed), np.zeros((112, 112, 3))
    for side in (4, 8, 16, 32):
        image += cv2.resize(random.normal(size=(side, side, 3)), (112, 112), interpolation=cv2.INTER_CUBIC)
    return np.clip(128 + 30 * image, 0, 255).astype(np.uint8)


def test_copies_are_found_whatever_was_done_to_them_and_others_are_not() -> None:
    originals = [textured(seed) for seed in range(6)]
    smaller = cv2.resize(originals[1], (80, 80), interpolation=cv2.INTER_AREA)
    brighter = np.clip(originals[3].astype(int) + 12, 0, 255).astype(np.uint8)
    mirrored = np.ascontiguousarray(originals[2][:, ::-1])
    training = Pictures("pack", [textured(20), encoded_again(originals[0]), None, smaller, mirrored, brighter])
    benchmark = Pictures("set", [*originals, None, np.full((112, 112, 3), 9, np.uint8)])
    broken: dict[str, int] = {}
    found = near_copies(training, benchmark, 6, 0.95, broken)
    assert found.rows.tolist() == [1, 3, 4, 5]
    assert found.images.tolist() == [0, 1, 2, 3]
    assert found.mirrored.tolist() == [False, False, True, False]
    assert (found.likeness >= 0.95).all() and (found.bits <= 6).all()
    assert broken == {"pack": 1, "set": 1}


def test_nothing_alike_is_an_empty_list() -> None:
    found = near_copies(Pictures("a", [textured(1)]), Pictures("b", [textured(2)]), 6, 0.95)
    assert found.rows.size == found.likeness.size == 0 and found.rows.dtype == np.int64


def test_likeness_allows_for_a_shifted_crop_and_knows_no_plain_pictures() -> None:
    image, grey = textured(3), np.full((30, 30, 3), 77, np.uint8)
    shifted = np.roll(image, (4, -6), (0, 1))
    assert likeness(image, image) == pytest.approx(1, abs=1e-4)
    assert likeness(image, shifted) > 0.95 > likeness(image, textured(4))
    assert likeness(grey, grey) == likeness(image, grey) == likeness(grey, image) == 0


def test_drawn_faces_of_two_people_are_no_copies() -> None:
    faces = SyntheticFaces(6, 1, image_size=(112, 112))
    images = [faces.image(index) for index in range(6)]
    assert max(likeness(a, b) for i, a in enumerate(images) for b in images[:i]) < 0.95
