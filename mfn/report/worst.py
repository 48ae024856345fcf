"""The pairs people look at first: those a threshold gets most wrong."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def worst_false_accepts(
    scores: ArrayLike, is_same: ArrayLike, threshold: float, count: int = 12
) -> tuple[NDArray[np.int64], int]:
    """Impostor pairs that pass for one person, the most alike first.

    Args:
        scores: float (P,), higher meaning more alike.
        is_same: bool (P,).
        threshold: Pairs at or above it are accepted.
        count: At most so many positions.

    Returns:
        Positions in ``scores``, int64, and how many such pairs there are in all. Ties keep their order.
    """
    values = np.asarray(scores)
    return _first(-values, ~np.asarray(is_same, bool) & (values >= threshold), count)


def worst_false_rejects(
    scores: ArrayLike, is_same: ArrayLike, threshold: float, count: int = 12
) -> tuple[NDArray[np.int64], int]:
    """Genuine pairs that pass for two people, the least alike first; see :func:`worst_false_accepts`."""
    values = np.asarray(scores)
    return _first(values, np.asarray(is_same, bool) & (values < threshold), count)


def _first(order_by: NDArray[np.floating], wrong: NDArray[np.bool_], count: int) -> tuple[NDArray[np.int64], int]:
    positions = np.flatnonzero(wrong)
    return positions[np.argsort(order_by[positions], kind="stable")[:count]], len(positions)
