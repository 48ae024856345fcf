"""Points of a curve to draw."""

import numpy as np
from numpy.typing import NDArray

from mfn.metrics.verification import Roc

Points = NDArray[np.float64]


def operating_points(curve: Roc, count: int = 400) -> tuple[Points, Points]:
    """A curve at false accept rates evenly spaced on a logarithmic axis, however many pairs it was made of.

    Args:
        curve: Every operating point.
        count: At most so many points.

    Returns:
        False accept rates, rising from the lowest above zero to 1, and the true accept rate reached at each.
    """
    lowest = curve.far[curve.far > 0][0]
    grid = np.geomspace(lowest, 1, count)
    grid[[0, -1]] = lowest, 1
    rows = np.unique(np.searchsorted(curve.far, grid, side="right") - 1)
    return curve.far[rows], curve.tar[rows]
