"""Embeddings and pairs to a verdict on one verification set."""

import logging
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mfn.data.verification import VerificationSet
from mfn.metrics.verification import Roc, eer, kfold_accuracy, roc, tar_at_far, threshold_at_far

log = logging.getLogger(__name__)

FARS = (1e-1, 1e-2, 1e-3, 1e-4)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification set says of a network.

    Attributes:
        name: The set.
        pairs: How many pairs it has.
        accuracy: Mean accuracy over the folds, threshold picked on the others.
        accuracy_std: Its standard deviation over the folds.
        threshold: Mean threshold of the folds, a cosine.
        area: Area under the ROC curve.
        eer: Equal error rate.
        tar: True accept rate at each false accept rate that the number of impostor pairs supports.
        thresholds: Cosine at each of these.
        genuine: Mean cosine of genuine pairs.
        impostor: Mean cosine of impostor pairs.
        curve: Every operating point.
    """

    name: str
    pairs: int
    accuracy: float
    accuracy_std: float
    threshold: float
    area: float
    eer: float
    tar: dict[float, float]
    thresholds: dict[float, float]
    genuine: float
    impostor: float
    curve: Roc = field(repr=False)

    def numbers(self) -> dict[str, float]:
        """The figures without the curve, for logs and files."""
        figures = {
            "accuracy": self.accuracy,
            "accuracy_std": self.accuracy_std,
            "threshold": self.threshold,
            "auc": self.area,
            "eer": self.eer,
            "genuine_cosine": self.genuine,
            "impostor_cosine": self.impostor,
        }
        return figures | {f"tar_at_far_{far:.0e}": value for far, value in self.tar.items()}


def pair_scores(
    pairs: VerificationSet, positions: NDArray[np.int64], embeddings: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Scores of the pairs of which both images could be read.

    Args:
        pairs: The verification set.
        positions: Which image each embedding is of, (N,).
        embeddings: (N, D), of unit length.

    Returns:
        Cosines (P,) and whether each pair shows one person, bool (P,).
    """
    row_of = np.full(len(pairs.source), -1)
    row_of[positions] = np.arange(len(positions))
    rows = row_of[pairs.pairs]
    known = (rows >= 0).all(axis=1)
    if not known.all():
        log.warning("%s: %d pairs left out, their images are broken", pairs.name, np.count_nonzero(~known))
    return cosines(embeddings, rows[known]), pairs.is_same[known]


def cosines(embeddings: NDArray[np.float32], pairs: NDArray[np.int64]) -> NDArray[np.float32]:
    """Cosine of each pair.

    Args:
        embeddings: (N, D), of unit length.
        pairs: (P, 2) rows of ``embeddings``.
    """
    return np.einsum("pd,pd->p", embeddings[pairs[:, 0]], embeddings[pairs[:, 1]])


def verdict(name: str, scores: NDArray[np.float32], is_same: NDArray[np.bool_], folds: int) -> Verdict:
    """Judges the scores of one verification set.

    Args:
        name: The set's name.
        scores: Cosines (P,).
        is_same: bool (P,).
        folds: Folds of the accuracy.

    Raises:
        DataError: Scores that are not finite, or only one kind of pair.
    """
    accuracy = kfold_accuracy(scores, is_same, folds)
    supported = [far for far in FARS if far * np.count_nonzero(~is_same) >= 1]
    return Verdict(
        name=name,
        pairs=len(scores),
        accuracy=accuracy.mean,
        accuracy_std=accuracy.std,
        threshold=float(accuracy.thresholds.mean()),
        area=(curve := roc(scores, is_same)).area,
        eer=eer(scores, is_same),
        tar={far: tar_at_far(scores, is_same, far) for far in supported},
        thresholds={far: threshold_at_far(scores, is_same, far) for far in supported},
        genuine=float(scores[is_same].mean()),
        impostor=float(scores[~is_same].mean()),
        curve=curve,
    )
