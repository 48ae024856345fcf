"""Which fold each pair is judged in."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfn.errors import DataError


def fold_of_pairs(folds: int | ArrayLike, num_pairs: int) -> NDArray[np.int64]:
    """The fold of each pair, int64 (num_pairs,), numbered from 0 without gaps.

    Args:
        folds: How many consecutive stretches of equal length (give or take one), as in LFW's ``pairs.txt``; or the
            fold of each pair, int (P,), any numbers.
        num_pairs: Number of pairs.

    Raises:
        DataError: Fewer than two folds, more folds than pairs, or folds that are not one to a pair.
    """
    given = np.asarray(folds)
    if given.ndim == 0:
        if not 2 <= int(given) <= num_pairs:
            raise DataError(f"{num_pairs} pairs cannot be split into {int(given)} folds")
        sizes = [part.size for part in np.array_split(np.empty(num_pairs, np.int8), int(given))]
        return np.repeat(np.arange(len(sizes)), sizes)
    if given.shape != (num_pairs,):
        raise DataError(f"folds must be a number or one fold to each of {num_pairs} pairs, got shape {given.shape}")
    names, fold = np.unique(given, return_inverse=True)
    if len(names) < 2:
        raise DataError("all pairs are in one fold; picking a threshold on the other folds needs two")
    return fold
