"""Verification metrics: scores of pairs and whether they show one person, to numbers. All exact, by sorting.

Every function takes ``scores``, float (P,), higher meaning more alike, and ``is_same``, bool (P,). A pair is accepted
when its score is at or above the threshold.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfn.errors import DataError


@dataclass(frozen=True, slots=True)
class Roc:
    """Every operating point of a set of scores, strictest first.

    Attributes:
        far: Share of impostor pairs accepted (false accept rate, FMR), float64 (T,), rising from 0 to 1.
        tar: Share of genuine pairs accepted (true accept rate, 1 - FNMR), float64 (T,), rising from 0 to 1.
        thresholds: Scores at which these are reached, float64 (T,), falling; the first is infinite.
    """

    far: NDArray[np.float64]
    tar: NDArray[np.float64]
    thresholds: NDArray[np.float64]

    @property
    def area(self) -> float:
        """Area under the curve."""
        return float(np.trapezoid(self.tar, self.far))


@dataclass(frozen=True, slots=True)
class FoldAccuracy:
    """Accuracy with the threshold picked on the other folds.

    Attributes:
        accuracies: Accuracy of each fold, float64 (F,).
        thresholds: Threshold used on each fold, float64 (F,).
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


def roc(scores: ArrayLike, is_same: ArrayLike) -> Roc:
    """All operating points.

    Raises:
        DataError: Scores are not finite, or one kind of pair is missing.
    """
    values, same = _checked(scores, is_same)
    order = np.argsort(-values, kind="stable")
    values, same = values[order], same[order]
    last_of_ties = np.append(np.flatnonzero(np.diff(values)), len(values) - 1)
    genuine = np.cumsum(same)[last_of_ties]
    impostor = np.cumsum(~same)[last_of_ties]
    return Roc(
        far=np.concatenate([[0.0], impostor / impostor[-1]]),
        tar=np.concatenate([[0.0], genuine / genuine[-1]]),
        thresholds=np.concatenate([[np.inf], values[last_of_ties]]),
    )


def tar_at_far(scores: ArrayLike, is_same: ArrayLike, far: float) -> float:
    """The highest true accept rate at which the false accept rate is at most ``far``."""
    curve = roc(scores, is_same)
    return float(curve.tar[_last_at_most(curve, far)])


def threshold_at_far(scores: ArrayLike, is_same: ArrayLike, far: float) -> float:
    """The lowest score that keeps the false accept rate at or below ``far``; infinite where no score does."""
    curve = roc(scores, is_same)
    return float(curve.thresholds[_last_at_most(curve, far)])


def eer(scores: ArrayLike, is_same: ArrayLike) -> float:
    """Equal error rate: where false accepts and false rejects are as many, interpolated between two points."""
    curve = roc(scores, is_same)
    gap = curve.far - (1 - curve.tar)
    after = int(np.argmax(gap >= 0))
    before = max(0, after - 1)
    span = gap[after] - gap[before]
    share = 0.0 if span == 0 else -gap[before] / span
    return float(curve.far[before] + share * (curve.far[after] - curve.far[before]))


def best_threshold(scores: ArrayLike, is_same: ArrayLike) -> tuple[float, float]:
    """The threshold of the highest accuracy on these very pairs, and that accuracy.

    The threshold lies halfway between two neighbouring scores, so that it does not hang on one pair.
    """
    curve = roc(scores, is_same)
    same = np.asarray(is_same, bool)
    accuracy = (curve.tar * same.sum() + (1 - curve.far) * (~same).sum()) / len(same)
    best = int(np.argmax(accuracy))
    upper = curve.thresholds[best]
    lower = curve.thresholds[min(best + 1, len(curve.thresholds) - 1)]
    threshold = np.nextafter(lower, np.inf) if np.isinf(upper) else (upper + lower) / 2
    return float(threshold), float(accuracy[best])


def kfold_accuracy(scores: ArrayLike, is_same: ArrayLike, folds: int = 10) -> FoldAccuracy:
    """Accuracy on each fold with the best threshold of all other folds.

    Folds are consecutive stretches of the pairs, as in LFW's ``pairs.txt``. Every score is a candidate threshold; the
    400-step grid of InsightFace's ``verification.py`` can differ by a pair or two.

    Args:
        scores: float (P,).
        is_same: bool (P,).
        folds: Number of folds, at least 2.

    Raises:
        DataError: Too few pairs for the folds.
    """
    values, same = _checked(scores, is_same)
    if not 2 <= folds <= len(values):
        raise DataError(f"{len(values)} pairs cannot be split into {folds} folds")
    fold_of = np.repeat(np.arange(folds), [len(part) for part in np.array_split(values, folds)])
    accuracies, thresholds = np.empty(folds), np.empty(folds)
    for fold in range(folds):
        inside = fold_of == fold
        thresholds[fold] = best_threshold(values[~inside], same[~inside])[0]
        accuracies[fold] = np.mean((values[inside] >= thresholds[fold]) == same[inside])
    return FoldAccuracy(accuracies, thresholds)


def _last_at_most(curve: Roc, far: float) -> int:
    return int(np.searchsorted(curve.far, far, side="right")) - 1


def _checked(scores: ArrayLike, is_same: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    values, same = np.asarray(scores, np.float64), np.asarray(is_same, bool)
    if values.ndim != 1 or values.shape != same.shape:
        raise DataError(f"scores and is_same must be of one length, got shapes {values.shape} and {same.shape}")
    if not np.isfinite(values).all():
        raise DataError(f"{np.count_nonzero(~np.isfinite(values))} of {len(values)} scores are not finite")
    if same.all() or not same.any():
        raise DataError("verification needs genuine and impostor pairs, one kind is missing")
    return values, same
