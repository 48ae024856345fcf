"""Verification metrics of many replicates of a set at once: the same pairs, each counting a whole number of times.

Pairs come sorted by falling score: ``values``, float64 (P,), ``same``, bool (P,), ``fold``, int64 (P,), and how often
each replicate has each pair, ``weights``, int32 (R, P). Numbers are those that `mfn.metrics.verification` would give if
the pairs were repeated; a replicate without genuine or without impostor pairs gets nan.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mfn.metrics.sorting import ends_of_ties


@dataclass(frozen=True, slots=True)
class Lost:
    """Pairs without a score: rejected, whatever the threshold.

    Attributes:
        same: bool (M,).
        fold: int64 (M,).
        weights: int32 (R, M).
    """

    same: NDArray[np.bool_]
    fold: NDArray[np.int64]
    weights: NDArray[np.int32]


def accuracies(
    values: NDArray[np.float64],
    same: NDArray[np.bool_],
    fold: NDArray[np.int64],
    weights: NDArray[np.int32],
    lost: Lost | None = None,
) -> NDArray[np.float64]:
    """`kfold_accuracy` of each replicate, float64 (R,); a fold without pairs is left out of the mean.

    Pairs without a score count in their fold; they pick no threshold.
    """
    signed = np.where(same, weights, -weights)
    share, folds = np.zeros(len(weights)), np.zeros(len(weights))
    numbers = fold if lost is None else np.concatenate([fold, lost.fold])
    for one in range(numbers.max() + 1):
        train, test = np.flatnonzero(fold != one), np.flatnonzero(fold == one)
        thresholds = _thresholds(values[train], weights[:, train], signed[:, train])
        accepted = np.searchsorted(-values[test], -thresholds, side="right")
        gain = _at(np.pad(signed[:, test].cumsum(axis=1), ((0, 0), (1, 0))), accepted)
        total, right = weights[:, test].sum(axis=1), gain + weights[:, test[~same[test]]].sum(axis=1)
        if lost is not None:
            total = total + lost.weights[:, lost.fold == one].sum(axis=1)
            right = right + lost.weights[:, (lost.fold == one) & ~lost.same].sum(axis=1)
        share += right / np.maximum(1, total)
        folds += total > 0
    drawn_both = weights[:, same].any(axis=1) & weights[:, ~same].any(axis=1)
    return np.where(drawn_both, share / np.maximum(1, folds), np.nan)


def _thresholds(
    values: NDArray[np.float64], weights: NDArray[np.int32], signed: NDArray[np.int32]
) -> NDArray[np.float64]:
    """`best_threshold` of each replicate; pairs that were not drawn are not there, so they bound no threshold."""
    ends = ends_of_ties(values)
    gain = _columns(signed.cumsum(axis=1, dtype=np.int32), ends)
    best = gain.argmax(axis=1)
    drawn = weights > 0
    highest = values[drawn.argmax(axis=1)]
    drawn &= np.arange(len(values)) > ends[best][:, None]
    following = drawn.argmax(axis=1)
    upper = values[ends[best]]
    lower = np.where(_at(drawn, following), values[following], upper)
    return np.where(_at(gain, best) > 0, (upper + lower) / 2, np.nextafter(highest, np.inf))


def tars(
    values: NDArray[np.float64], same: NDArray[np.bool_], weights: NDArray[np.int32], fars: Sequence[float]
) -> NDArray[np.float64]:
    """`tar_at_far` of each replicate, float64 (fars, R)."""
    ends = ends_of_ties(values)
    genuine = _columns(np.where(same, weights, 0).cumsum(axis=1, dtype=np.int32), ends)
    impostor = _columns(np.where(same, 0, weights).cumsum(axis=1, dtype=np.int32), ends)
    rates = impostor / np.maximum(1, impostor[:, -1:])
    met = [_at(np.pad(genuine, ((0, 0), (1, 0))), np.count_nonzero(rates <= far, axis=1)) for far in fars]
    drawn_both = (genuine[:, -1] > 0) & (impostor[:, -1] > 0)
    rows = np.array(met).reshape(len(fars), len(weights)) / np.maximum(1, genuine[:, -1])
    return np.where(drawn_both, rows, np.nan)


def _columns(table: NDArray[np.int32], ends: NDArray[np.int64]) -> NDArray[np.int32]:
    return table if len(ends) == table.shape[1] else table[:, ends]


def _at(table: NDArray, columns: NDArray[np.int64]) -> NDArray:
    """One cell of each row."""
    return table[np.arange(len(table)), columns]
