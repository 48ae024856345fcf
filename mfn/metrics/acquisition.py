"""Rates in which pairs of photos that gave no face count: the generalised rates of ISO/IEC 19795-1.

A matcher is judged on the comparisons it could make; whoever uses a system meets those too that it could not. A
genuine pair of which a photo gave no face is a false rejection, an impostor pair is none accepted: the generalised
false reject rate (GFRR) grows with failures to acquire, and the generalised false accept rate (GFAR) shrinks.
Thresholds are those of the plain rates.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfn.errors import DataError
from mfn.metrics.bootstrap import percentile_interval, replicate_weights
from mfn.metrics.replicates import Lost, accuracies, tars


@dataclass(frozen=True, slots=True)
class Generalised:
    """What a set says once pairs without a score count.

    Attributes:
        genuine: Genuine pairs in all.
        impostor: Impostor pairs in all.
        failed_genuine: Of these, pairs without a score.
        failed_impostor: Likewise.
        accuracy: Mean over the folds, a genuine pair without a score counted wrong and an impostor pair right.
        tar: Share of all genuine pairs accepted at the threshold of each plain false accept rate.
        far: Share of all impostor pairs accepted there.
    """

    genuine: int
    impostor: int
    failed_genuine: int
    failed_impostor: int
    accuracy: float
    tar: dict[float, float]
    far: dict[float, float]

    @property
    def failed(self) -> int:
        """Pairs without a score."""
        return self.failed_genuine + self.failed_impostor

    @property
    def failed_share(self) -> float:
        """Their share of all pairs."""
        return self.failed / (self.genuine + self.impostor)

    def numbers(self) -> dict[str, float]:
        """The figures by name, flat, for logs and files."""
        return {
            "fta_pairs": self.failed,
            "fta_pair_rate": self.failed_share,
            "fta_genuine_pairs": self.failed_genuine,
            "fta_impostor_pairs": self.failed_impostor,
            "generalised_accuracy": self.accuracy,
            **{f"generalised_tar_at_far_{far:.0e}": tar for far, tar in self.tar.items()},
            **{f"gfrr_at_far_{far:.0e}": 1 - tar for far, tar in self.tar.items()},
            **{f"gfar_at_far_{far:.0e}": rate for far, rate in self.far.items()},
        }


def generalised(
    scores: ArrayLike,
    is_same: ArrayLike,
    fold_of: ArrayLike,
    fold_thresholds: ArrayLike,
    failed_same: ArrayLike,
    failed_fold: ArrayLike,
    thresholds: Iterable[tuple[float, float]],
) -> Generalised:
    """Counts pairs without a score as what they are to whoever uses a system: rejected.

    Args:
        scores: float (P,), of the pairs that have one; one at or above a threshold is accepted.
        is_same: bool (P,).
        fold_of: int (P,), the fold of each, any numbers.
        fold_thresholds: float (F,), the threshold of each fold that has such pairs, in the order of its number.
        failed_same: bool (M,), of the pairs without a score.
        failed_fold: int (M,), the fold of each.
        thresholds: Plain false accept rates, and the threshold of each.

    Raises:
        DataError: Lengths that do not fit, or no pair of a kind.
    """
    values, same, fold = np.asarray(scores, np.float64), np.asarray(is_same, bool), np.asarray(fold_of)
    lost, lost_fold = np.asarray(failed_same, bool), np.asarray(failed_fold)
    names, place = np.unique(fold, return_inverse=True)
    cuts = np.asarray(fold_thresholds, np.float64)
    if not (values.shape == same.shape == fold.shape and lost.shape == lost_fold.shape and cuts.shape == names.shape):
        raise DataError(
            f"{values.size} scores, {same.size} kinds and {fold.size} folds of pairs, {lost.size} kinds and "
            f"{lost_fold.size} folds of pairs without, and {cuts.size} thresholds of {names.size} folds do not fit"
        )
    genuine, impostor = int(same.sum() + lost.sum()), int((~same).sum() + (~lost).sum())
    if not genuine or not impostor:
        raise DataError(f"generalised rates take both kinds of pairs, got {genuine} genuine and {impostor} impostor")
    points = list(thresholds)
    return Generalised(
        genuine=genuine,
        impostor=impostor,
        failed_genuine=int(lost.sum()),
        failed_impostor=int((~lost).sum()),
        accuracy=_accuracy(np.concatenate([(values >= cuts[place]) == same, ~lost]), np.concatenate([fold, lost_fold])),
        tar={far: float(np.count_nonzero(values[same] >= cut)) / genuine for far, cut in points},
        far={far: float(np.count_nonzero(values[~same] >= cut)) / impostor for far, cut in points},
    )


def generalised_intervals(
    scores: ArrayLike,
    is_same: ArrayLike,
    fold_of: ArrayLike,
    persons: ArrayLike,
    failed_same: ArrayLike,
    failed_fold: ArrayLike,
    failed_persons: ArrayLike,
    fars: Sequence[float],
    samples: int = 1000,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """95 % intervals over people of accuracy and TAR with pairs without a score counted.

    As `mfn.metrics.bootstrap.identity_intervals`, to which they are equal without failures: each replicate picks its
    own thresholds by the pairs that have a score.

    Args:
        scores: float (P,), of the pairs that have one.
        is_same: bool (P,).
        fold_of: int (P,), any numbers.
        persons: Who is on the two images, int (P, 2).
        failed_same: bool (M,), of the pairs without a score.
        failed_fold: int (M,).
        failed_persons: int (M, 2).
        fars: Plain false accept rates.
        samples: Replicates.
        seed: Draws of people are a function of this.

    Returns:
        (low, high) under "generalised_accuracy" and "generalised_tar_at_far_1e-03" and so on.
    """
    values, same = np.asarray(scores, np.float64), np.asarray(is_same, bool)
    lost = np.asarray(failed_same, bool)
    fold = np.unique(np.concatenate([fold_of, np.asarray(failed_fold, np.int64)]), return_inverse=True)[1]
    people = np.concatenate([persons, np.asarray(failed_persons, np.int64).reshape(-1, 2)])
    order = np.argsort(-values)
    people = np.concatenate([people[order], people[len(values) :]])
    values, same, fold, lost_fold = values[order], same[order], fold[: len(values)][order], fold[len(values) :]
    found = []
    for weights in replicate_weights(people, samples, seed):
        drawn, gone = weights[:, : len(values)], weights[:, len(values) :]
        genuine = drawn[:, same].sum(axis=1)
        there = genuine / np.maximum(1, genuine + gone[:, lost].sum(axis=1))
        accuracy = accuracies(values, same, fold, drawn, Lost(lost, lost_fold, gone))
        found.append(np.concatenate([accuracy[None], tars(values, same, drawn, fars) * there]))
    names = ["generalised_accuracy", *(f"generalised_tar_at_far_{far:.0e}" for far in fars)]
    return {name: percentile_interval(row, 2.5) for name, row in zip(names, np.concatenate(found, axis=1), strict=True)}


def _accuracy(right: NDArray[np.bool_], fold: NDArray[np.int64]) -> float:
    """Mean over the folds of the share of pairs that come out right."""
    place = np.unique(fold, return_inverse=True)[1]
    return float(np.mean(np.bincount(place, right) / np.bincount(place)))
