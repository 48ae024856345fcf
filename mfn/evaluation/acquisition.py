"""How many images of a set gave no face, and what the set says once their pairs count."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mfn.align.acquired import BROKEN
from mfn.benchmarks.verification import VerificationSet
from mfn.evaluation.pair_scores import PairScores, identities_of
from mfn.evaluation.photos import PhotoFaces
from mfn.metrics.acquisition import Generalised, generalised, generalised_intervals
from mfn.metrics.roc import OperatingPoint

MISSING = "missing"

Interval = tuple[float, float]


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
        intervals: 95 % intervals over people of the generalised accuracy and of each generalised TAR, where asked for.
    """

    images: AcquiredImages
    pairs: Generalised
    intervals: Mapping[str, Interval] = field(default_factory=dict)

    def numbers(self) -> dict[str, float]:
        """The figures by name, flat, for logs and files."""
        ends: dict[str, float] = {}
        for key, (low, high) in self.intervals.items():
            ends |= {f"{key}_low": low, f"{key}_high": high}
            if "_tar_" in key:
                gfrr = key.replace("generalised_tar", "gfrr")
                ends |= {f"{gfrr}_low": 1 - high, f"{gfrr}_high": 1 - low}
        return self.images.numbers() | self.pairs.numbers() | ends

    def sentence(self, accuracy: float) -> str:
        """What failed, in words, and what that does to the plain accuracy."""
        failed, total = self.images.failed_images, self.images.images
        why = ", ".join(f"{reason}: {count:,}" for reason, count in self.images.failed.items())
        lost = self.pairs.failed
        return (
            f"{failed:,} of {total:,} images gave no face"
            + (f" ({why})" if why else "")
            + f"; {lost:,} of {self.pairs.genuine + self.pairs.impostor:,} pairs have no score "
            f"({self.pairs.failed_genuine:,} genuine, {self.pairs.failed_impostor:,} impostor)"
        ) + (
            f": they dropped out of the plain figures, so that accuracy is {accuracy:.2%} there and "
            f"{self.pairs.accuracy:.2%} with them counted (generalised)"
            if lost
            else ""
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
    samples: int = 0,
) -> Acquisition:
    """The rates once pairs without a score count.

    Args:
        pairs: The set.
        scored: Its scores.
        images: What became of its images.
        fold_thresholds: float64 (F,), of each fold that has scores.
        points: The operating point at each false accept rate.
        samples: Draws of the bootstrap over people for intervals; 0 leaves them out. Nobody knows who is on images that
            were not there: whoever is on such a pair counts as a person who is on no other, which makes intervals a
            little narrower than they should be.
    """
    without = np.ones(len(pairs.pairs), bool)
    without[scored.kept] = False
    same, fold = [pairs.is_same[without]], [pairs.fold_of[without]]
    people = [identities_of(pairs)[pairs.pairs[without]]]
    if pairs.absent_same is not None and pairs.absent_fold is not None:
        same.append(pairs.absent_same)
        fold.append(pairs.absent_fold)
        nobody_else = np.arange(2 * len(pairs.absent_same)).reshape(-1, 2) + 1 + identities_of(pairs).max(initial=-1)
        people.append(np.where(pairs.absent_same[:, None], nobody_else[:, :1], nobody_else))
    plain, lost = (scored.cosines, scored.is_same, scored.fold_of), (np.concatenate(same), np.concatenate(fold))
    rates = generalised(*plain, fold_thresholds, *lost, [(far, point.threshold) for far, point in points.items()])
    if not samples:
        return Acquisition(images, rates)
    who = np.concatenate(people)
    return Acquisition(
        images, rates, generalised_intervals(*plain, scored.identities, *lost, who, list(points), samples)
    )
