"""Confidence intervals by drawing identities, not pairs, with replacement.

Pairs that share a person are not independent, so an interval from drawing pairs is too narrow. Here a replicate draws
as many identities as there are; with w_i the times identity i was drawn, a pair of identity i with itself (genuine)
counts w_i times and a pair of identities i and j (impostor) counts w_i * w_j times (the "vertex bootstrap"; Fogliato,
Patil and Perona, "Confidence Intervals for Error Rates in 1:1 Matching Tasks", IJCV 2024). Each replicate is judged as
a set of its own: thresholds are picked anew.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfn.errors import DataError
from mfn.metrics.components import components
from mfn.metrics.folds import fold_of_pairs
from mfn.metrics.replicates import accuracies, tars
from mfn.metrics.sorting import checked

CELLS = 1 << 18
"""Weights worked on at a time; small enough to stay in a processor's cache."""


def identity_intervals(
    scores: ArrayLike,
    is_same: ArrayLike,
    folds: int | ArrayLike,
    identities: ArrayLike,
    fars: Sequence[float] = (1e-3,),
    samples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> dict[str, tuple[float, float]]:
    """Percentile intervals of k-fold accuracy and of TAR at each FAR.

    In a replicate, a fold of which nothing was drawn is left out of the mean accuracy. A replicate that lacks genuine
    or impostor pairs altogether has no TAR or accuracy and is left out of the interval; where all do, it is (nan, nan).
    With fewer than some thirty identities percentile intervals are too narrow.

    Args:
        scores: float (P,).
        is_same: bool (P,).
        folds: Number of consecutive folds, or the fold of each pair, int (P,).
        identities: The persons of each pair, int (P, 2); see `linked_identities`. A benchmark's mistakes do no harm:
            whether a pair is of one person is decided by these, whether it is judged right by ``is_same``.
        fars: False accept rates to report TAR at.
        samples: Replicates.
        seed: Draws of identities are a function of this.
        confidence: Probability that the interval should cover.

    Returns:
        (low, high) under "accuracy" and "tar_at_far_1e-03" and so on.

    Raises:
        DataError: Unusable scores or folds, or identities that do not fit the pairs.
    """
    values, same = checked(scores, is_same)
    fold = fold_of_pairs(folds, len(values))
    persons = np.asarray(identities)
    if persons.shape != (len(same), 2):
        raise DataError(f"{len(same)} pairs need two identities each, got shape {persons.shape}")
    order = np.argsort(-values)
    ranked = (values[order], same[order], fold[order])
    found = [
        np.concatenate([accuracies(*ranked, weights)[None], tars(*ranked[:2], weights, fars)])
        for weights in replicate_weights(persons[order], samples, seed)
    ]
    tail = 50 * (1 - confidence)
    names = ["accuracy", *(f"tar_at_far_{far:.0e}" for far in fars)]
    return {
        name: percentile_interval(replicates, tail)
        for name, replicates in zip(names, np.concatenate(found, axis=1), strict=True)
    }


def linked_identities(pairs: ArrayLike, is_same: ArrayLike, num_images: int) -> NDArray[np.int64]:
    """An identity for each image, int64 (num_images,), where a set does not say who is who.

    Images that genuine pairs link, directly or through others, are one identity; all others are one each. A person
    whose images are not linked counts as several, which makes intervals a little narrower than they should be.

    Args:
        pairs: Image positions, int (P, 2).
        is_same: bool (P,).
        num_images: Number of images.
    """
    genuine = np.asarray(pairs, np.int64)[np.asarray(is_same, bool)]
    return np.unique(components(num_images, genuine), return_inverse=True)[1]


def replicate_weights(identities: NDArray[Any], samples: int, seed: int) -> Iterator[NDArray[np.int32]]:
    """How often each pair counts, int32 (replicates of a chunk, P), for all replicates in turn.

    Args:
        identities: The persons of each pair, int (P, 2).
        samples: Replicates.
        seed: Draws are a function of this.
    """
    names, person = np.unique(identities, return_inverse=True)
    first, second = person.reshape(-1, 2).T
    chunk = max(1, CELLS // max(len(names), len(first)))
    for drawn in drawn_people(len(names), samples, seed, chunk):
        yield drawn[:, first] * np.where(first == second, 1, drawn[:, second])


def drawn_people(count: int, samples: int, seed: int, chunk: int) -> Iterator[NDArray[np.int32]]:
    """How often each of ``count`` people is drawn, int32 (up to ``chunk`` replicates, count), for all in turn."""
    random = np.random.default_rng(seed)
    for start in range(0, samples, chunk):
        rows = min(chunk, samples - start)
        draws = random.integers(count, size=(rows, count)) + count * np.arange(rows)[:, None]
        yield np.bincount(draws.ravel(), minlength=rows * count).reshape(rows, count).astype(np.int32)


def percentile_interval(replicates: NDArray[np.float64], tail: float) -> tuple[float, float]:
    """The values with `tail` percent of the replicates, float64 (R,), below and above; nan ones are not counted."""
    there = replicates[~np.isnan(replicates)]
    low, high = np.percentile(there, [tail, 100 - tail]) if len(there) else (np.nan, np.nan)
    return float(low), float(high)
