import numpy as np
import pytest

from mfn.errors import ConfigError
from mfn.prepare.duplicates import components, near_duplicates, shared_images


def flipped(value: int, *bits: int) -> int:
    return value ^ sum(1 << bit for bit in bits)


def crowd(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Hashes around a few centres, so that there are groups and chains of all sizes."""
    rng = np.random.default_rng(seed)
    centres = rng.integers(0, 2**64, 40, dtype=np.uint64)
    hashes = centres[rng.integers(0, 40, 300)]
    for _ in range(4):
        hashes = np.where(rng.random(300) < 0.6, hashes ^ (np.uint64(1) << rng.integers(0, 64, 300, np.uint64)), hashes)
    return hashes, rng.integers(0, 5, 300)


def by_comparing_all(hashes: np.ndarray, labels: np.ndarray, distance: int) -> np.ndarray:
    linked = np.bitwise_count(hashes[:, None] ^ hashes) <= distance
    linked &= labels[:, None] == labels
    reached = linked
    while not np.array_equal(wider := reached @ linked, reached):
        reached = wider
    return reached.argmax(axis=1)


@pytest.mark.parametrize("distance", [0, 1, 3, 4, 7, 15])
def test_groups_are_those_of_comparing_all_with_all(distance: int) -> None:
    hashes, labels = crowd(distance)
    assert np.array_equal(near_duplicates(hashes, labels, distance), by_comparing_all(hashes, labels, distance))


def test_a_chain_is_one_group_and_labels_are_kept_apart() -> None:
    first = 0x0123456789ABCDEF
    chain = np.array([first, flipped(first, 0, 63), flipped(first, 0, 63, 7, 31), flipped(first, 5)], np.uint64)
    assert near_duplicates(chain, np.array([4, 4, 4, 9]), 2).tolist() == [0, 0, 0, 3]
    assert near_duplicates(chain, np.array([4, 4, 4, 9]), 1).tolist() == [0, 1, 2, 3]


def test_very_many_equal_images_are_one_group() -> None:
    assert (near_duplicates(np.full(200_000, 7, np.uint64), np.zeros(200_000, np.int64), 4) == 0).all()


def test_images_shared_between_identities() -> None:
    hashes = np.array([1, 1, 2, 2, 3, 1], np.uint64)
    labels = np.array([0, 0, 0, 1, 1, 0])
    assert shared_images(hashes, labels).tolist() == [False, False, True, True, False, False]


def test_components() -> None:
    links = np.array([[5, 4], [4, 3], [3, 2], [0, 6]])
    assert components(8, links).tolist() == [0, 1, 2, 2, 2, 2, 0, 7]
    assert components(2, np.empty((0, 2), np.int64)).tolist() == [0, 1]


@pytest.mark.parametrize("distance", [-1, 16])
def test_distance_out_of_range(distance: int) -> None:
    with pytest.raises(ConfigError, match="duplicate_distance"):
        near_duplicates(np.zeros(1, np.uint64), np.zeros(1, np.int64), distance)
