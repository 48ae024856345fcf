"""The numbers that InsightFace's ``verification.py`` prints, by its definitions, for tables that must agree with its.

There a pair is accepted when the squared distance of its two unit-length embeddings, 2 - 2 cos, is below a threshold
of a fixed grid. These functions count each grid step once by histograms instead of judging all pairs at every step.
For exact numbers see `mfn.metrics.verification`.

Source: ``recognition/arcface_torch/eval/verification.py`` of InsightFace, which took VAL from facenet.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfn.errors import DataError
from mfn.metrics.folds import fold_of_pairs
from mfn.metrics.scores import unit
from mfn.metrics.sorting import checked
from mfn.metrics.verification import FoldAccuracy

ACCURACY_GRID = np.arange(0, 4, 0.01)
VAL_GRID = np.arange(0, 4, 0.001)


@dataclass(frozen=True, slots=True)
class ValidationRate:
    """Share of genuine pairs accepted at a false accept rate aimed at.

    Attributes:
        mean: Mean over the folds (VAL).
        std: Standard deviation over the folds.
        far: False accept rate met, mean over the folds; the aim is met on the other folds only.
    """

    mean: float
    std: float
    far: float


def grid_accuracy(scores: ArrayLike, is_same: ArrayLike, folds: int | ArrayLike = 10) -> FoldAccuracy:
    """Accuracy on each fold with the first best of 400 thresholds on the other folds.

    Args:
        scores: Cosines, float (P,).
        is_same: bool (P,).
        folds: Number of consecutive folds, or the fold of each pair, int (P,).

    Returns:
        Accuracies, and the thresholds as cosines; a pair is accepted when its cosine lies above.

    Raises:
        DataError: As `mfn.metrics.verification.kfold_accuracy` on unusable scores or folds.
    """
    values, same = checked(scores, is_same)
    return _grid_accuracy(2 - 2 * values, same, fold_of_pairs(folds, len(values)))


def val_at_far(scores: ArrayLike, is_same: ArrayLike, folds: int | ArrayLike = 10, far: float = 1e-3) -> ValidationRate:
    """VAL: genuine pairs accepted on each fold at the threshold that gives ``far`` on the other folds.

    The threshold is interpolated between steps of 0.001; where the other folds never reach ``far`` it is a distance of
    0, which accepts nothing. A fold that holds one kind of pair only is left out of the other kind's mean.
    """
    values, same = checked(scores, is_same)
    fold = fold_of_pairs(folds, len(values))
    distance = 2 - 2 * values
    totals = _per_fold(same, fold, np.ones(len(values), bool))
    others = _of_other_folds(_accepted(distance, same, fold, VAL_GRID)[:, 0])
    rates = others / np.maximum(1, _of_other_folds(totals[:, 0]))[:, None]
    limits = np.array([np.interp(far, rate, VAL_GRID) if rate[-1] >= far else 0.0 for rate in rates])
    met = _per_fold(same, fold, distance < limits[fold])
    fars, vals = (met[totals[:, kind] > 0, kind] / totals[totals[:, kind] > 0, kind] for kind in (0, 1))
    return ValidationRate(mean=float(vals.mean()), std=float(vals.std()), far=float(fars.mean()))


def pca_accuracy(
    first: ArrayLike, second: ArrayLike, is_same: ArrayLike, folds: int | ArrayLike = 10, components: int = 64
) -> FoldAccuracy:
    """`grid_accuracy` of embeddings reduced by a PCA, fitted on the other folds and scaled to unit length again.

    Args:
        first: Embeddings of each pair's first image, unit length, float (P, D).
        second: Embeddings of each pair's second image, float (P, D).
        is_same: bool (P,).
        folds: Number of consecutive folds, or the fold of each pair, int (P,).
        components: Dimensions kept, at most D.

    Raises:
        DataError: More components than dimensions.
    """
    one, two, same = np.asarray(first, np.float64), np.asarray(second, np.float64), np.asarray(is_same, bool)
    if not 1 <= components <= one.shape[1]:
        raise DataError(f"a PCA of embeddings of length {one.shape[1]} cannot keep {components} components")
    fold = fold_of_pairs(folds, len(same))
    accuracies, thresholds = [], []
    for held_out in range(fold.max() + 1):
        train = np.concatenate([one[fold != held_out], two[fold != held_out]])
        mean = train.mean(axis=0)
        axes = np.linalg.eigh((train - mean).T @ (train - mean))[1][:, -components:]
        difference = unit((one - mean) @ axes) - unit((two - mean) @ axes)
        result = _grid_accuracy((difference**2).sum(axis=1), same, fold)
        accuracies.append(result.accuracies[held_out])
        thresholds.append(result.thresholds[held_out])
    return FoldAccuracy(np.array(accuracies), np.array(thresholds))


def mean_norm(embeddings: ArrayLike) -> float:
    """XNorm: the mean 2-norm of raw embeddings, float (N, D)."""
    return float(np.linalg.norm(np.asarray(embeddings, np.float64), axis=1).mean())


def _grid_accuracy(distance: NDArray[np.float64], same: NDArray[np.bool_], fold: NDArray[np.int64]) -> FoldAccuracy:
    accepted = _accepted(distance, same, fold, ACCURACY_GRID)
    gain = accepted[:, 1] - accepted[:, 0]
    best = _of_other_folds(gain).argmax(axis=1)
    limits = ACCURACY_GRID[best]
    right = gain[np.arange(len(gain)), best] + np.bincount(fold, ~same)
    return FoldAccuracy(right / np.bincount(fold), 1 - limits / 2)


def _accepted(
    distance: NDArray[np.float64], same: NDArray[np.bool_], fold: NDArray[np.int64], grid: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Pairs of each fold and kind (impostor, genuine) below each grid step, int64 (F, 2, steps)."""
    steps = len(grid) + 1
    first_step_above = np.searchsorted(grid, distance, side="right")
    cells = (2 * fold + same) * steps + first_step_above
    counts = np.bincount(cells, minlength=2 * steps * (fold.max() + 1)).reshape(-1, 2, steps)
    return counts.cumsum(axis=2)[:, :, :-1]


def _per_fold(same: NDArray[np.bool_], fold: NDArray[np.int64], chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Chosen pairs of each fold and kind (impostor, genuine), int64 (F, 2)."""
    return np.bincount((2 * fold + same)[chosen], minlength=2 * (fold.max() + 1)).reshape(-1, 2)


def _of_other_folds(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return counts.sum(axis=0) - counts
