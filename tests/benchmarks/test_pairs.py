import numpy as np
import pytest

from mfn.benchmarks.pairs import pairs_from_identities, possible_pairs
from mfn.errors import DataError

LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(30), np.arange(1, 31)))


@pytest.mark.parametrize("num_pairs", [2, 20, 1000, 6000])
def test_pairs_are_balanced_different_and_right(num_pairs: int) -> None:
    pairs, is_same = pairs_from_identities(LABELS, num_pairs, seed=0)
    assert pairs.shape == (num_pairs, 2) and pairs.dtype == np.int64
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert np.unique(pairs, axis=0).shape == pairs.shape
    assert np.array_equal(LABELS[pairs[:, 0]] == LABELS[pairs[:, 1]], is_same)
    assert is_same.reshape(-1, 2).sum(axis=1).tolist() == [1] * (num_pairs // 2)


def test_all_pairs_there_are() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1])
    assert possible_pairs(labels) == (6, 9)
    pairs, is_same = pairs_from_identities(labels, 12, seed=0)
    assert np.unique(pairs[is_same], axis=0).shape == (6, 2)
    with pytest.raises(DataError, match="6 genuine and 9 impostor pairs, fewer than the 7"):
        pairs_from_identities(labels, 14, seed=0)


def test_genuine_pairs_are_spread_over_identities() -> None:
    pairs, is_same = pairs_from_identities(LABELS, 400, seed=0)
    counts = np.bincount(LABELS[pairs[is_same, 0]], minlength=30)
    possible = np.arange(1, 31) * np.arange(30) // 2
    assert (counts[possible >= 8] >= 6).all() and (counts[possible < 8] == possible[possible < 8]).all()
    assert counts.max() <= 8


def test_seed_decides() -> None:
    first, again, other = (pairs_from_identities(LABELS, 100, seed)[0] for seed in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize("num_pairs", [0, 7])
def test_number_of_pairs_must_be_even(num_pairs: int) -> None:
    with pytest.raises(DataError, match="even number"):
        pairs_from_identities(LABELS, num_pairs, seed=0)
