"""What metrics that sort scores begin with."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfn.errors import DataError


def checked(scores: ArrayLike, is_same: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Scores as float64 and kinds as bool.

    Raises:
        DataError: They differ in length, scores are not finite, or one kind of pair is missing.
    """
    values, same = np.asarray(scores, np.float64), np.asarray(is_same, bool)
    if values.ndim != 1 or values.shape != same.shape:
        raise DataError(f"scores and is_same must be of one length, got shapes {values.shape} and {same.shape}")
    if not np.isfinite(values).all():
        raise DataError(f"{np.count_nonzero(~np.isfinite(values))} of {len(values)} scores are not finite")
    if same.all() or not same.any():
        raise DataError("verification needs genuine and impostor pairs, one kind is missing")
    return values, same


def ends_of_ties(ranked: NDArray[np.float64]) -> NDArray[np.int64]:
    """Where each distinct score of sorted scores occurs last, int64: a threshold accepts all of a tie or none."""
    return np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
