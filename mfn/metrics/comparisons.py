"""Every image of a set compared with every other: how the scores of two people and of one are spread.

A set of n images of many people has n² / 2 comparisons, thousands of times as many as its list of pairs, so that false
match rates far below what the list supports can be read off. They are not independent of one another, as each image is
in n of them.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from mfn.errors import DataError

_BINS = 2**17
_BLOCK = 1024
MOST_IMAGES = 50_000
"""Images of which all comparisons are made; of more a random share is taken."""
_SHARES = (0.99, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)


@dataclass(frozen=True, slots=True)
class ScoreCounts:
    """How many comparisons have a cosine in each of equal bins from -1 to 1, int64 (131072,) each."""

    genuine: NDArray[np.int64]
    impostor: NDArray[np.int64]


def counted(scores: ArrayLike, is_same: ArrayLike) -> ScoreCounts:
    """Counts of cosines that are there already, float (P,), and whether each is of one person, bool (P,)."""
    bins, same = _bin_of(np.asarray(scores, np.float32)), np.asarray(is_same, bool)
    return ScoreCounts(np.bincount(bins[same], minlength=_BINS), np.bincount(bins[~same], minlength=_BINS))


def all_comparisons(embeddings: ArrayLike, identities: ArrayLike, seed: int = 0) -> ScoreCounts:
    """Counts over all pairs of different images.

    Args:
        embeddings: Unit length, float (N, D). Of more than 50,000 a random share is taken.
        identities: Whom each shows, int (N,).
        seed: Of that share.

    Raises:
        DataError: Embeddings that are not finite, or do not fit their identities.
    """
    rows, people = np.asarray(embeddings, np.float32), np.asarray(identities)
    if rows.ndim != 2 or people.shape != rows.shape[:1] or not np.isfinite(rows).all():
        raise DataError(f"embeddings {rows.shape} must be finite and have one identity each, got {people.shape}")
    if len(rows) > MOST_IMAGES:
        chosen = np.random.default_rng(seed).choice(len(rows), MOST_IMAGES, replace=False)
        rows, people = rows[chosen], people[chosen]
    counts = np.zeros((2, _BINS), np.int64)
    columns = torch.from_numpy(rows)
    for start in range(0, len(rows), _BLOCK):
        cosines = (columns[start : start + _BLOCK] @ columns[start:].T).numpy()
        bins, same = _bin_of(cosines), people[start : start + _BLOCK, None] == people[None, start:]
        after = np.arange(cosines.shape[1])[None] > np.arange(len(cosines))[:, None]
        counts[0] += np.bincount(bins[after & ~same], minlength=_BINS)
        counts[1] += np.bincount(bins[after & same], minlength=_BINS)
    return ScoreCounts(genuine=counts[1], impostor=counts[0])


def threshold_at(impostor: NDArray[np.int64], fmr: float) -> float:
    """The lowest bin edge, -1 to 1, at and above which at most a share ``fmr`` of the impostor scores lies."""
    above = np.append(impostor[::-1].cumsum()[::-1], 0)
    return float(np.linspace(-1, 1, _BINS + 1)[np.argmax(above <= fmr * impostor.sum() + 1e-9)])


def share_above(counts: NDArray[np.int64], threshold: float) -> float:
    """The share of the scores counted that lie at and above a threshold of `threshold_at`; NaN where there are none."""
    first = round((threshold + 1) * (_BINS / 2))
    return float(counts[first:].sum() / total) if (total := counts.sum()) else float("nan")


def fmr_points(impostor: NDArray[np.int64]) -> tuple[tuple[float, float], ...]:
    """(share, lowest cosine at and above which at most that share lies), down to a single comparison."""
    return tuple((rate, threshold_at(impostor, rate)) for rate in _rates(int(impostor.sum())))


def fnmr_points(genuine: NDArray[np.int64]) -> tuple[tuple[float, float], ...]:
    """(share, highest cosine below which at most that share lies), down to a single comparison."""
    total, edges = int(genuine.sum()), np.linspace(-1, 1, _BINS + 1)
    below = np.insert(genuine.cumsum(), 0, 0)
    return tuple((rate, float(edges[_BINS - np.argmax(below[::-1] <= rate * total + 1e-9)])) for rate in _rates(total))


def _rates(total: int) -> list[float]:
    """Shares that so many comparisons support, falling; the last is one of them."""
    decades = [part * 10.0**-power for power in range(1, 10) for part in (1, 0.5, 0.2)]
    return [rate for rate in (*_SHARES, *decades) if rate * total > 1] + [1 / total]


def _bin_of(cosines: NDArray[np.float32]) -> NDArray[np.int64]:
    return np.clip(((cosines + 1) * (_BINS / 2)).astype(np.int64), 0, _BINS - 1)
