"""Accuracy of each group of pairs at the thresholds that serve all groups."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mfn.errors import DataError
from mfn.metrics.folds import fold_of_pairs
from mfn.metrics.verification import kfold_accuracy


@dataclass(frozen=True, slots=True)
class GroupAccuracy:
    """How many pairs a group has and the share of them judged right."""

    pairs: int
    accuracy: float


def group_accuracy(
    scores: ArrayLike, is_same: ArrayLike, folds: int | ArrayLike, groups: ArrayLike
) -> dict[str, GroupAccuracy]:
    """Accuracy of each group, sorted by name.

    Each fold is judged by the threshold picked on the other folds over all groups, as it is in use: nobody
    knows the group of a stranger.

    Args:
        scores: float (P,).
        is_same: bool (P,).
        folds: Number of consecutive folds, or the fold of each pair, int (P,).
        groups: Name of each pair's group, str (P,).

    Raises:
        DataError: As `mfn.metrics.verification.kfold_accuracy`, or groups of another length.
    """
    values, same, names = np.asarray(scores, np.float64), np.asarray(is_same, bool), np.asarray(groups, str)
    if names.shape != values.shape:
        raise DataError(f"{len(values)} pairs need a group each, got shape {names.shape}")
    thresholds = kfold_accuracy(values, same, folds).thresholds[fold_of_pairs(folds, len(values))]
    right = (values >= thresholds) == same
    return {
        str(name): GroupAccuracy(int(np.sum(names == name)), float(right[names == name].mean()))
        for name in np.unique(names)
    }


def gap(groups: Mapping[str, GroupAccuracy]) -> float:
    """How much the best served group's accuracy lies above the worst served group's, 0 to 1."""
    accuracies = [group.accuracy for group in groups.values()]
    return max(accuracies) - min(accuracies)
