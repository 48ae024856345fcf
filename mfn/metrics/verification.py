"""Verification metrics: scores of pairs and whether they show one person, to numbers. All exact, by sorting.

Every function takes ``scores``, float (P,), higher meaning more alike, and ``is_same``, bool (P,). A pair is accepted
when its score is at or above the threshold. Where several numbers of one set are wanted, `roc` once and the methods of
`Roc` save sorting again.

An infinite threshold means that no score will do (nothing is accepted); it must not go into a mean.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfn.errors import DataError
from mfn.metrics.folds import fold_of_pairs
from mfn.metrics.roc import Roc
from mfn.metrics.sorting import checked, ends_of_ties


@dataclass(frozen=True, slots=True)
class FoldAccuracy:
    """Accuracy with the threshold picked on the other folds.

    Attributes:
        accuracies: Accuracy of each fold, float64 (F,).
        thresholds: Threshold used on each fold, float64 (F,), finite.
    """

    accuracies: NDArray[np.float64]
    thresholds: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """Mean over the folds."""
        return float(self.accuracies.mean())

    @property
    def std(self) -> float:
        """Standard deviation over the folds."""
        return float(self.accuracies.std())

    @property
    def threshold(self) -> float:
        """Mean threshold over the folds."""
        return float(self.thresholds.mean())


def roc(scores: ArrayLike, is_same: ArrayLike) -> Roc:
    """All operating points.

    Raises:
        DataError: Scores are not finite, or one kind of pair is missing.
    """
    values, same = checked(scores, is_same)
    order = np.argsort(-values)
    values, same = values[order], same[order]
    ends = ends_of_ties(values)
    genuine = np.cumsum(same)[ends]
    impostor = ends + 1 - genuine
    return Roc(
        far=np.concatenate([[0.0], impostor / impostor[-1]]),
        tar=np.concatenate([[0.0], genuine / genuine[-1]]),
        thresholds=np.concatenate([[np.inf], values[ends]]),
    )


def tar_at_far(scores: ArrayLike, is_same: ArrayLike, far: float) -> float:
    """The highest true accept rate at which the false accept rate is at most ``far``."""
    return roc(scores, is_same).at_far(far).tar


def fnmr_at_fmr(scores: ArrayLike, is_same: ArrayLike, fmr: float) -> float:
    """The lowest share of genuine pairs rejected at which the share of impostor pairs accepted is at most ``fmr``."""
    return 1 - tar_at_far(scores, is_same, fmr)


def threshold_at_far(scores: ArrayLike, is_same: ArrayLike, far: float) -> float:
    """The lowest score that keeps the false accept rate at or below ``far``; infinite where no score does."""
    return roc(scores, is_same).at_far(far).threshold


def eer(scores: ArrayLike, is_same: ArrayLike) -> float:
    """Equal error rate: where false accepts and false rejects are as many, interpolated between two points."""
    return roc(scores, is_same).eer


def best_threshold(scores: ArrayLike, is_same: ArrayLike) -> tuple[float, float]:
    """The threshold of the highest accuracy on these very pairs, and that accuracy.

    The threshold lies halfway between two neighbouring scores, so that it does not hang on one pair; the strictest
    where several are as good.
    """
    values, same = checked(scores, is_same)
    order = np.argsort(-values)
    return _best_of_sorted(values[order], same[order])


def kfold_accuracy(scores: ArrayLike, is_same: ArrayLike, folds: int | ArrayLike = 10) -> FoldAccuracy:
    """Accuracy on each fold with the best threshold of all other folds.

    Every score is a candidate threshold; the 400-step grid of InsightFace's ``verification.py`` can differ by a pair or
    two, see `mfn.metrics.insightface.grid_accuracy`.

    Args:
        scores: float (P,).
        is_same: bool (P,).
        folds: Number of folds, consecutive stretches of the pairs as in LFW's ``pairs.txt``; or the fold of each pair,
            int (P,).

    Raises:
        DataError: Too few pairs for the folds, or a kind of pair that is in one fold only.
    """
    values, same = checked(scores, is_same)
    fold = fold_of_pairs(folds, len(values))
    order = np.argsort(-values)
    ranked, ranked_same, ranked_fold = values[order], same[order], fold[order]
    others = [np.flatnonzero(ranked_fold != one) for one in range(fold.max() + 1)]
    thresholds = np.array([_best_of_sorted(ranked[train], ranked_same[train])[0] for train in others])
    right = (values >= thresholds[fold]) == same
    return FoldAccuracy(np.bincount(fold, right) / np.bincount(fold), thresholds)


def _best_of_sorted(ranked: NDArray[np.float64], same: NDArray[np.bool_]) -> tuple[float, float]:
    ends = ends_of_ties(ranked)
    genuine = np.cumsum(same)[ends]
    gain = 2 * genuine - (ends + 1)  # genuine pairs accepted less impostor pairs accepted
    impostors = len(ranked) - genuine[-1]
    if impostors in (0, len(ranked)):
        raise DataError("a fold holds all genuine or all impostor pairs, so that no threshold can be picked without it")
    best = int(np.argmax(gain))
    if gain[best] <= 0:  # rejecting everything is as good
        return float(np.nextafter(ranked[0], np.inf)), float(impostors / len(ranked))
    lower = ranked[ends[min(best + 1, len(ends) - 1)]]
    return float((ranked[ends[best]] + lower) / 2), float((gain[best] + impostors) / len(ranked))
