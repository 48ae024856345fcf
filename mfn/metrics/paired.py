"""Two networks on the same pairs: how much they differ, and whether chance alone would do that.

Both judge the same pictures, so most of what makes one set of pairs harder than another falls out of the difference:
its interval is far narrower than those of the two figures. Differences are ``other - first``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfn.errors import DataError
from mfn.metrics.bootstrap import percentile_interval, replicate_weights
from mfn.metrics.folds import fold_of_pairs
from mfn.metrics.replicates import accuracies, tars
from mfn.metrics.sorting import checked
from mfn.metrics.verification import kfold_accuracy, tar_at_far

FEW = 25
"""Pairs judged differently below which McNemar's test is the exact one."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How much higher the other network's figure is, with its 95 % interval by bootstrap over people."""

    value: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class McNemar:
    """Pairs that only one of two networks judges right.

    Attributes:
        first_only: Right by the first network alone.
        other_only: Right by the other one alone.
        p_value: Chance of a split at least as uneven if both were equally good, two-sided, 0 to 1.
        method: ``exact`` or ``mid-p``.
    """

    first_only: int
    other_only: int
    p_value: float
    method: str


def mcnemar(first_right: ArrayLike, other_right: ArrayLike) -> McNemar:
    """McNemar's test on paired decisions.

    With fewer than `FEW` pairs judged differently the exact binomial test, otherwise its mid-p form, which counts half
    of the split that was seen: it is less conservative than the exact test and, unlike the chi-squared form with
    continuity correction, close to its nominal level for any number (Fagerland, Lydersen and Laake, "The McNemar test
    for binary matched-pairs data", BMC Medical Research Methodology 13:91, 2013; McNemar, Psychometrika 12, 1947).

    The test takes pairs for independent; where they share people it makes differences look surer than they are, which
    `paired_differences` does not.

    Args:
        first_right: Whether the first network judges each pair right, bool (P,).
        other_right: The same of the other one.

    Raises:
        DataError: They are not of the same pairs.
    """
    first, other = np.asarray(first_right, bool), np.asarray(other_right, bool)
    if first.shape != other.shape or first.ndim != 1:
        raise DataError(f"decisions to compare must be of the same pairs, got shapes {first.shape} and {other.shape}")
    alone = int(np.count_nonzero(first & ~other)), int(np.count_nonzero(other & ~first))
    count, fewer = sum(alone), min(alone)
    both_tails = 2 * _binomial_tail(count, fewer)
    if count < FEW:
        return McNemar(*alone, min(1.0, both_tails), "exact")
    return McNemar(*alone, min(1.0, both_tails - _binomial(count, fewer)), "mid-p")


def right_in_folds(scores: ArrayLike, is_same: ArrayLike, folds: int | ArrayLike) -> NDArray[np.bool_]:
    """Whether each pair is judged right at the threshold picked on the other folds, bool (P,).

    Raises:
        DataError: As `mfn.metrics.verification.kfold_accuracy`.
    """
    values, same = checked(scores, is_same)
    fold = fold_of_pairs(folds, len(values))
    return (values >= kfold_accuracy(values, same, fold).thresholds[fold]) == same


def paired_differences(
    first: ArrayLike,
    other: ArrayLike,
    is_same: ArrayLike,
    folds: int | ArrayLike,
    identities: ArrayLike,
    fars: Sequence[float] = (1e-3,),
    samples: int = 1000,
    seed: int = 0,
) -> dict[str, Difference]:
    """Differences of k-fold accuracy and of TAR at each FAR, with 95 % percentile intervals.

    In each replicate both networks are judged on the same drawn people, see `mfn.metrics.bootstrap`, each with
    thresholds of its own.

    Args:
        first: Scores of the first network, float (P,).
        other: Scores of the other one.
        is_same: bool (P,).
        folds: Number of consecutive folds, or the fold of each pair, int (P,).
        identities: The persons of each pair, int (P, 2).
        fars: False accept rates to report TAR at.
        samples: Replicates; 0 leaves the intervals out: they are nan.
        seed: Of the draws.

    Returns:
        Under "accuracy" and "tar_at_far_1e-03" and so on.

    Raises:
        DataError: Scores that are unusable or not of the same pairs.
    """
    sides = [checked(scores, is_same) for scores in (first, other)]
    same = sides[0][1]
    fold, persons = fold_of_pairs(folds, len(same)), np.asarray(identities)
    if persons.shape != (len(same), 2):
        raise DataError(f"{len(same)} pairs need two identities each, got shape {persons.shape}")
    orders = [np.argsort(-values) for values, _ in sides]
    ranked = [(values[order], same[order], fold[order]) for (values, _), order in zip(sides, orders, strict=True)]
    replicates = [np.empty((1 + len(fars), 0))]
    for weights in replicate_weights(persons, samples, seed) if samples else ():
        one, two = (
            np.concatenate([accuracies(*sorted_by, drawn)[None], tars(*sorted_by[:2], drawn, fars)])
            for sorted_by, drawn in zip(ranked, (weights[:, order] for order in orders), strict=True)
        )
        replicates.append(two - one)
    found = [[kfold_accuracy(values, same, fold).mean, *(tar_at_far(values, same, far) for far in fars)]
             for values, _ in sides]  # fmt: skip
    names = ["accuracy", *(f"tar_at_far_{far:.0e}" for far in fars)]
    spread = np.concatenate(replicates, axis=1)
    return {
        name: Difference(two - one, *percentile_interval(row, 2.5))
        for name, one, two, row in zip(names, *found, spread, strict=True)
    }


def unpaired_difference(
    first: float, first_interval: tuple[float, float], other: float, other_interval: tuple[float, float]
) -> Difference:
    """The difference of two figures of which only the 95 % intervals are known, as of two independent samples.

    The "square and add" interval: the distances from each figure to the end that matters, put together as the sides of
    a right triangle (Newcombe, Statistics in Medicine 17, 1998; Zou and Donner, Statistics in Medicine 27, 2008).
    Figures of the same pairs rise and fall together, so that it is wider than the paired interval.
    """
    value = other - first
    low = value - math.hypot(other - other_interval[0], first_interval[1] - first)
    high = value + math.hypot(other_interval[1] - other, first - first_interval[0])
    return Difference(value, low, high)


def _binomial(count: int, successes: int) -> float:
    """The chance of so many heads of a fair coin."""
    log = math.lgamma(count + 1) - math.lgamma(successes + 1) - math.lgamma(count - successes + 1)
    return math.exp(log - count * math.log(2))


def _binomial_tail(count: int, most: int) -> float:
    """The chance of at most so many heads of a fair coin."""
    return math.fsum(_binomial(count, successes) for successes in range(most + 1))
