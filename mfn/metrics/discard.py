"""Does a quality score foretell errors? Error-versus-discard curves (EDC) and the area under them.

The pairs of the lowest quality are discarded first, and the error rate of those that are left is measured at a
threshold that stays where it is (Grother and Tabassi, "Performance of biometric quality measures", PAMI 2007). The
quality of a pair is that of its worse image. A score that foretells errors makes the curve fall; one that says nothing
leaves it flat.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfn.errors import DataError


@dataclass(frozen=True, slots=True)
class DiscardCurve:
    """Error rate after discarding.

    Attributes:
        shares: Share of the pairs that is discarded, float64 (T,), rising from 0; never more than ``limit``.
        rates: Share of the pairs left that are judged wrongly, float64 (T,); holds up to the next share.
        levels: The lowest quality of the pairs left, float64 (T,): what a gate has to ask to discard that share.
        limit: The largest share that counts.
        area: Area under the curve from 0 to ``limit`` (pAUC).
        flat: The area of a score that says nothing: first rate times limit.
        ideal: The area of a score that discards wrongly judged pairs alone, as long as there are any.
        pairs: How many pairs there are.
        errors: How many of them are judged wrongly.
    """

    shares: NDArray[np.float64]
    rates: NDArray[np.float64]
    levels: NDArray[np.float64]
    limit: float
    area: float
    flat: float
    ideal: float
    pairs: int
    errors: int

    @property
    def gain(self) -> float | None:
        """How much of what discarding can do the score does: 1 ideal, 0 nothing, below 0 harm; None without errors."""
        return (self.flat - self.area) / (self.flat - self.ideal) if self.flat > self.ideal else None

    def at(self, share: float) -> float:
        """The error rate once ``share`` of the pairs, 0 to 1, are discarded; pairs of one quality go together."""
        return float(self.rates[self._step(share)])

    def level(self, share: float) -> float:
        """The lowest quality left once ``share`` of the pairs, 0 to 1, are discarded: all below it are gone."""
        return float(self.levels[self._step(share)])

    def _step(self, share: float) -> int:
        return int(np.searchsorted(self.shares, share + 1e-12, side="right")) - 1


def discard_curve(wrong: ArrayLike, quality: ArrayLike, limit: float = 0.3) -> DiscardCurve:
    """The curve of one kind of pairs.

    Args:
        wrong: Whether each is judged wrongly, bool (P,).
        quality: Of each, float (P,), higher meaning better; pairs of one quality are discarded together.
        limit: Discard no more than this share, above 0 and below 1.

    Raises:
        DataError: Lengths that do not fit, a quality that is not finite, no pairs, or a limit outside its range.
    """
    errors, values = np.asarray(wrong, bool), np.asarray(quality, np.float64)
    if errors.ndim != 1 or errors.shape != values.shape or not len(errors) or not np.isfinite(values).all():
        raise DataError(f"pairs {errors.shape} need one finite quality each, got {values.shape}")
    if not 0 < limit < 1:
        raise DataError(f"the share to discard must be above 0 and below 1, got {limit}")
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(values[order]) > 0])  # where each quality begins
    starts = starts[starts <= limit * len(values) + 1e-9]
    gone = np.concatenate([[0], np.cumsum(errors[order])])[starts]
    rates = (errors.sum() - gone) / (len(values) - starts)
    shares = starts / len(values)
    rate = float(rates[0])
    most = min(rate, limit)
    return DiscardCurve(
        shares=shares,
        rates=rates,
        levels=values[order][starts],
        limit=limit,
        area=float(np.sum(rates * np.diff(np.append(shares, limit)))),
        flat=rate * limit,
        # the integral of (e - d) / (1 - d), the rate once d of the pairs, all of them errors, are gone
        ideal=float(most + (1 - rate) * np.log1p(-most)) if rate < 1 else limit,
        pairs=len(values),
        errors=int(errors.sum()),
    )


def pair_quality(quality: ArrayLike, pairs: ArrayLike) -> NDArray[np.float64]:
    """The quality of each pair's worse image, float64 (P,), from that of each image, (N,), and positions (P, 2)."""
    return np.asarray(quality, np.float64)[np.asarray(pairs)].min(axis=1)
