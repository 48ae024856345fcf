"""How many images of a set gave no face, and what the set says once their pairs count."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mfn.align.acquired import BROKEN
from mfn.benchmarks.verification import VerificationSet
from mfn.evaluation.pair_scores import PairScores
from mfn.evaluation.photos import PhotoFaces
from mfn.metrics.acquisition import Generalised, generalised
from mfn.metrics.roc import OperatingPoint

MISSING = "missing"


@dataclass(frozen=True, slots=True)
class AcquiredImages:
    """The images of a set.

    Attributes:
        images: That the set names, those included that were not there.
        failed: Those without an embedding, by reason.
        second_tries: Photos whose face a second try found, by its name.
    """

    images: int
    failed: Mapping[str, int]
    second_tries: Mapping[str, int]

    @property
    def failed_images(self) -> int:
        """Images without an embedding."""
        return sum(self.failed.values())

    @property
    def rate(self) -> float:
        """The failure-to-acquire rate: their share."""
        return self.failed_images / self.images

    def numbers(self) -> dict[str, float]:
        """The figures by name, flat, for logs and files."""
        return {
            "images": self.images,
            "fta_images": self.failed_images,
            "fta_image_rate": self.rate,
            "second_try_images": sum(self.second_tries.values()),
        }


@dataclass(frozen=True, slots=True)
class Acquisition:
    """Failures to acquire, and the generalised rates of ISO/IEC 19795-1.

    Attributes:
        images: The images.
        pairs: The rates.
    """

    images: AcquiredImages
    pairs: Generalised

    def numbers(self) -> dict[str, float]:
        """The figures by name, flat, for logs and files."""
        return self.images.numbers() | self.pairs.numbers()

    def sentence(self) -> str:
        """What failed, in words."""
        failed, total = self.images.failed_images, self.images.images
        why = ", ".join(f"{reason}: {count:,}" for reason, count in self.images.failed.items())
        lost = self.pairs.failed
        return (
            f"{failed:,} of {total:,} images gave no face"
            + (f" ({why})" if why else "")
            + f"; {lost:,} of {self.pairs.genuine + self.pairs.impostor:,} pairs have no score "
            f"({self.pairs.failed_genuine:,} genuine, {self.pairs.failed_impostor:,} impostor)"
        )


def acquired_images(pairs: VerificationSet, positions: NDArray[np.int64]) -> AcquiredImages | None:
    """What became of a set's images; None where all were there, and none had to be cut out of a photo.

    Args:
        pairs: The set.
        positions: int64 (N,), the images of its source that have an embedding.
    """
    source = pairs.source
    lost = np.setdiff1d(np.arange(len(source)), positions)
    if not isinstance(source, PhotoFaces) and not lost.size and not pairs.missing:
        return None
    reasons = source.found.reason[lost].tolist() if isinstance(source, PhotoFaces) else [""] * lost.size
    failed: dict[str, int] = {}
    for reason in [*(reason or BROKEN for reason in reasons), *[MISSING] * len(pairs.missing)]:
        failed[reason] = failed.get(reason, 0) + 1
    again = source.found.second_tries if isinstance(source, PhotoFaces) else {}
    return AcquiredImages(len(source) + len(pairs.missing), failed, again)


def acquisition(
    pairs: VerificationSet,
    scored: PairScores,
    images: AcquiredImages,
    fold_thresholds: NDArray[np.float64],
    points: Mapping[float, OperatingPoint],
) -> Acquisition:
    """The rates once pairs without a score count.

    Args:
        pairs: The set.
        scored: Its scores.
        images: What became of its images.
        fold_thresholds: float64 (F,), of each fold that has scores.
        points: The operating point at each false accept rate.
    """
    without = np.ones(len(pairs.pairs), bool)
    without[scored.kept] = False
    same, fold = [pairs.is_same[without]], [pairs.fold_of[without]]
    if pairs.absent_same is not None and pairs.absent_fold is not None:
        same.append(pairs.absent_same)
        fold.append(pairs.absent_fold)
    rates = generalised(
        scored.cosines,
        scored.is_same,
        scored.fold_of,
        fold_thresholds,
        np.concatenate(same),
        np.concatenate(fold),
        [(far, point.threshold) for far, point in points.items()],
    )
    return Acquisition(images, rates)
