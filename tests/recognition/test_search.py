"""The exact search against brute force in float64."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mfn.recognition.search import top_groups


def faces(owner: NDArray[np.int64], dim: int = 16, seed: int = 0) -> NDArray[np.float32]:
    """Vectors around one centre a person."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(int(owner.max(initial=0)) + 1, dim))
    return unit(centres[owner] + 0.5 * random.normal(size=(len(owner), dim)))


def unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def check(queries: NDArray[np.float32], vectors: NDArray[np.float32], owner: NDArray[np.int64], k: int) -> None:
    """Scores are the k best people's, whoever of equal ones is named has that score, and nobody is named twice."""
    scores, found = top_groups(queries, vectors, owner, k)
    people = np.unique(owner)
    cosines = queries.astype(np.float64) @ vectors.astype(np.float64).T
    best = np.array([[row[owner == person].max() for person in people] for row in cosines])
    width = min(k, len(people))
    assert scores.shape == found.shape == (len(queries), width)
    np.testing.assert_allclose(scores, -np.sort(-best, axis=1)[:, :width], atol=1e-6)
    assert all(len(set(row)) == width for row in found.tolist())
    places = np.searchsorted(people, found)
    np.testing.assert_allclose(np.take_along_axis(best, places, axis=1), scores, atol=1e-6)


@pytest.mark.parametrize("asked", [1, 2, 4, 5, 33])
@pytest.mark.parametrize("number", [1, 2, 255, 256, 257, 5000])
@pytest.mark.parametrize("images", [1, 3, 100])
@pytest.mark.parametrize("k", [1, 5, 10_000])
def test_sizes(asked: int, number: int, images: int, k: int) -> None:
    owner = np.arange(number) // images
    vectors = faces(owner)
    check(faces(np.arange(asked), seed=1), vectors, owner, k)


@pytest.mark.parametrize("asked", [1, 8])
def test_people_of_very_different_sizes(asked: int) -> None:
    owner = np.repeat(np.arange(40), [5000, *range(1, 39), 3000])
    vectors = faces(owner)
    check(vectors[:: len(vectors) // asked][:asked], vectors, owner, 7)


def test_owners_that_skip_numbers_and_do_not_rise() -> None:
    owner = np.random.default_rng(0).choice([7, 3, 900, 12, 5_000_000_000], 700)
    check(faces(np.arange(6), seed=2), faces(np.arange(700)), owner, 3)


@pytest.mark.parametrize("asked", [1, 8])
def test_the_same_vector_again_and_again(asked: int) -> None:
    vectors = np.repeat(faces(np.arange(3)), 600, axis=0)
    check(vectors[:asked], vectors, np.arange(1800) // 2, 10)
    check(vectors[:asked], vectors, np.arange(1800) // 900, 10)


def test_opposite_and_empty_vectors() -> None:
    vectors = np.concatenate([faces(np.arange(300)), np.zeros((300, 16), np.float32)])
    check(-vectors[:3], vectors, np.arange(600), 450)


@pytest.mark.parametrize(("asked", "number"), [(0, 5), (0, 0)])
def test_nobody_asks(asked: int, number: int) -> None:
    owner = np.arange(number)
    scores, found = top_groups(np.empty((asked, 16), np.float32), faces(owner), owner, 3)
    assert scores.shape == found.shape == (0, min(3, number))


def test_a_gallery_of_nobody() -> None:
    scores, found = top_groups(np.ones((2, 16), np.float32), np.empty((0, 16), np.float32), np.empty(0, np.int64), 3)
    assert scores.shape == found.shape == (2, 0)


@pytest.mark.parametrize("asked", [1, 3])
def test_threads_change_nothing(asked: int) -> None:
    owner = np.arange(100_000) // 3
    vectors = faces(owner)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = top_groups(vectors[:asked], vectors, owner, 5)
        torch.set_num_threads(3)
        three = top_groups(vectors[:asked], vectors, owner, 5)
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(one[0], three[0])
    np.testing.assert_array_equal(one[1], three[1])


def test_queries_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mfn.recognition.search._CELLS", 900)
    owner = np.arange(400) // 4
    check(faces(np.arange(11), seed=3), faces(owner), owner, 5)


def test_rows_need_not_lie_in_one_piece() -> None:
    owner = np.arange(300)
    check(faces(np.arange(8), seed=3)[:, ::2], faces(owner)[::1, ::2], owner, 5)
    check(faces(np.arange(2), seed=3)[:, ::2], faces(owner)[::1, ::2], owner, 5)
