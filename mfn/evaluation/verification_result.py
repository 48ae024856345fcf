"""Scored pairs to the result on one verification set."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mfn.benchmarks.verification import VerificationSet
from mfn.contract import MeasuredScores
from mfn.evaluation.acquisition import AcquiredImages, Acquisition, acquisition
from mfn.evaluation.groups import GroupReport
from mfn.evaluation.pair_scores import PairScores
from mfn.evaluation.quality import QualityCurve
from mfn.metrics.bootstrap import identity_intervals
from mfn.metrics.groups import GroupAccuracy, gap, group_accuracy
from mfn.metrics.insightface import grid_accuracy, val_at_far
from mfn.metrics.scores import convert
from mfn.metrics.verification import Roc, best_threshold, kfold_accuracy, roc

FARS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
VAL_FAR = 1e-3

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """What a verification set says of a network. Thresholds and scores are cosines.

    Attributes:
        name: The set.
        pairs: How many pairs were judged.
        folds: In how many folds.
        left_out: How many were not: their images are missing or broken, or they are odd.
        missing: Images that were not there.
        odd: How many pairs of the set say nothing or say it twice, by kind, judged or left out.
        notes: What to know of the figures, a sentence each.
        accuracy: Mean accuracy over the folds, threshold picked on the others, all scores as candidates.
        accuracy_std: Its standard deviation over the folds.
        grid_accuracy: The same over the 400 thresholds of InsightFace's ``verification.py``.
        grid_std: Its standard deviation over the folds.
        pca_accuracy: The same after a PCA fitted on the other folds, where asked for.
        threshold: Mean threshold of the folds.
        best_threshold: The threshold of the highest accuracy over all pairs.
        area: Area under the ROC curve.
        eer: Equal error rate.
        tar: True accept rate at each false accept rate that the number of impostor pairs supports.
        thresholds: Threshold at each of these.
        unsupported: False accept rates of `FARS` that would be less than one of the impostor pairs.
        val: facenet's validation rate at a false accept rate of 1e-3, mean over the folds.
        val_std: Its standard deviation.
        val_far: The false accept rate it came with.
        genuine: Mean score of genuine pairs.
        genuine_std: Their standard deviation.
        impostor: Mean score of impostor pairs.
        impostor_std: Their standard deviation.
        norm: Mean length of the raw embeddings, where known.
        intervals: 95 % confidence interval of accuracy and of each TAR, by bootstrap over people, where asked for.
        groups: Accuracy of each group, where the set has groups.
        curve: Every operating point.
        scores: float32 (P,).
        is_same: bool (P,).
        kept: int64 (P,), which pairs of the set these are.
        measured: What the network's file is to remember of the scores, where asked for.
        acquisition: Failures to acquire and the generalised rates, where images failed or were cut out of photos.
        by_group: Rates of each group at one threshold, for each grouping and threshold.
        discards: Error-versus-discard curves, one for each quality.
    """

    name: str
    pairs: int
    folds: int
    left_out: int
    missing: tuple[str, ...] = field(repr=False)
    odd: Mapping[str, int] = field(repr=False)
    notes: tuple[str, ...] = field(repr=False)
    accuracy: float
    accuracy_std: float
    grid_accuracy: float
    grid_std: float
    pca_accuracy: float | None
    threshold: float
    best_threshold: float
    area: float
    eer: float
    tar: dict[float, float]
    thresholds: dict[float, float]
    unsupported: tuple[float, ...]
    val: float
    val_std: float
    val_far: float
    genuine: float
    genuine_std: float
    impostor: float
    impostor_std: float
    norm: float | None
    intervals: dict[str, Interval]
    groups: dict[str, GroupAccuracy]
    curve: Roc = field(repr=False)
    scores: NDArray[np.float32] = field(repr=False)
    is_same: NDArray[np.bool_] = field(repr=False)
    kept: NDArray[np.int64] = field(repr=False)
    measured: MeasuredScores | None = field(default=None, repr=False)
    acquisition: Acquisition | None = None
    by_group: tuple[GroupReport, ...] = ()
    discards: tuple[QualityCurve, ...] = ()

    def numbers(self) -> dict[str, float]:
        """The figures without curve and scores, flat, for logs and files."""
        figures: dict[str, float | None] = {
            "pairs": self.pairs,
            "genuine_pairs": int(self.is_same.sum()),
            "impostor_pairs": int((~self.is_same).sum()),
            "folds": self.folds,
            "left_out": self.left_out,
            **self.odd,
            "accuracy": self.accuracy,
            "accuracy_std": self.accuracy_std,
            "grid_accuracy": self.grid_accuracy,
            "grid_accuracy_std": self.grid_std,
            "pca_accuracy": self.pca_accuracy,
            "threshold": self.threshold,
            "threshold_euclidean": float(convert(self.threshold, "euclidean")),
            "threshold_angle": float(convert(self.threshold, "angle")),
            "best_threshold": self.best_threshold,
            "auc": self.area,
            "eer": self.eer,
            "val": self.val,
            "val_std": self.val_std,
            "val_far": self.val_far,
            "genuine_cosine": self.genuine,
            "genuine_cosine_std": self.genuine_std,
            "impostor_cosine": self.impostor,
            "impostor_cosine_std": self.impostor_std,
            "norm": self.norm,
            "group_gap": gap(self.groups) if self.groups else None,
        }
        figures |= {f"tar_at_far_{far:.0e}": value for far, value in self.tar.items()}
        figures |= {f"fnmr_at_fmr_{far:.0e}": 1 - value for far, value in self.tar.items()}
        figures |= {f"threshold_at_far_{far:.0e}": value for far, value in self.thresholds.items()}
        for key, (low, high) in self.intervals.items():
            figures |= {f"{key}_low": low, f"{key}_high": high}
        figures |= self.acquisition.numbers() if self.acquisition else {}
        figures |= {f"accuracy_{name}": group.accuracy for name, group in self.groups.items()}
        return {key: value for key, value in figures.items() if value is not None and np.isfinite(value)}


def verification_result(
    pairs: VerificationSet,
    scored: PairScores,
    *,
    norm: float | None = None,
    pca_accuracy: float | None = None,
    samples: int = 0,
    images: AcquiredImages | None = None,
) -> VerificationResult:
    """Judges the scores of one verification set.

    Args:
        pairs: The set.
        scored: Its scores.
        norm: Mean length of the raw embeddings.
        pca_accuracy: Accuracy after a PCA.
        samples: Draws of the bootstrap for confidence intervals; 0 leaves them out.
        images: What became of the set's images, where some failed; their pairs then count in the generalised rates.

    Raises:
        DataError: Scores that are not finite, or only one kind of pair.
    """
    scores, same, folds = scored.cosines, scored.is_same, scored.fold_of
    curve = roc(scores, same)
    exact = kfold_accuracy(scores, same, folds)
    grid = grid_accuracy(scores, same, folds)
    rate = val_at_far(scores, same, folds, VAL_FAR)
    supported = [far for far in FARS if far * np.count_nonzero(~same) >= 1]
    points = {far: curve.at_far(far) for far in supported}
    acquired = None if images is None else acquisition(pairs, scored, images, exact.thresholds, points, samples)
    lost = () if acquired is None or not acquired.images.failed else (acquired.sentence(exact.mean),)
    return VerificationResult(
        name=pairs.name,
        pairs=len(scores),
        folds=len(exact.accuracies),
        left_out=pairs.left_out + len(pairs.pairs) - len(scores),
        missing=pairs.missing,
        odd=pairs.odd,
        notes=(*pairs.notes, *lost),
        accuracy=exact.mean,
        accuracy_std=exact.std,
        grid_accuracy=grid.mean,
        grid_std=grid.std,
        pca_accuracy=pca_accuracy,
        threshold=float(exact.thresholds.mean()),
        best_threshold=best_threshold(scores, same)[0],
        area=curve.area,
        eer=curve.eer,
        tar={far: tar for far, (tar, _) in points.items()},
        thresholds={far: threshold for far, (_, threshold) in points.items()},
        unsupported=tuple(far for far in FARS if far not in supported),
        val=rate.mean,
        val_std=rate.std,
        val_far=rate.far,
        genuine=float(scores[same].mean()),
        genuine_std=float(scores[same].std()),
        impostor=float(scores[~same].mean()),
        impostor_std=float(scores[~same].std()),
        norm=norm,
        intervals=(identity_intervals(scores, same, folds, scored.identities, supported, samples) if samples else {}),
        groups={} if scored.groups is None else group_accuracy(scores, same, folds, scored.groups),
        curve=curve,
        scores=scores,
        is_same=same,
        kept=scored.kept,
        acquisition=acquired,
    )
