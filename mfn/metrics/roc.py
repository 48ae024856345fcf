"""The curve of all operating points of a set of scores."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class OperatingPoint(NamedTuple):
    """The true accept rate that a threshold gives; the threshold is infinite where it accepts nothing."""

    tar: float
    threshold: float


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

    @property
    def eer(self) -> float:
        """Equal error rate: where false accepts and false rejects are as many, interpolated between two points."""
        gap = self.far - (1 - self.tar)
        after = int(np.argmax(gap >= 0))
        before = max(0, after - 1)
        span = gap[after] - gap[before]
        share = 0.0 if span == 0 else -gap[before] / span
        return float(self.far[before] + share * (self.far[after] - self.far[before]))

    def at_far(self, far: float) -> OperatingPoint:
        """The most lenient point whose false accept rate is at most ``far``; its threshold may be infinite."""
        point = int(np.searchsorted(self.far, far, side="right")) - 1
        return OperatingPoint(float(self.tar[point]), float(self.thresholds[point]))
