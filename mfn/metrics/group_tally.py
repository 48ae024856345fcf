"""Errors at one threshold, counted by cells: the group, or the two groups, that a comparison counts for.

The threshold is common to all cells and stays as it is in the bootstrap, as it does in use: nobody knows the group of a
stranger. Replicates draw people, see `mfn.metrics.bootstrap`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfn.errors import DataError
from mfn.metrics.bootstrap import replicate_weights

IMPOSTOR, GENUINE = 0, 1
"""The rows of a tally."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts by kind (row `IMPOSTOR`: false matches; row `GENUINE`: false non-matches) and cell.

    Attributes:
        errors: int64 (2, C).
        comparisons: int64 (2, C).
        scores: Sums of scores, float64 (2, C).
        replicates: The error rates of each replicate, float64 (S, 2, C), nan where a replicate has no comparison; S is
            0 without bootstrap.
    """

    errors: NDArray[np.int64]
    comparisons: NDArray[np.int64]
    scores: NDArray[np.float64]
    replicates: NDArray[np.float64]


def cell_table(groups: int) -> tuple[NDArray[np.int64], list[tuple[int, int]]]:
    """Numbers the cells of unordered pairs of groups: those within a group first.

    Returns:
        The cell of two groups, int64 (groups + 1, groups + 1), where -1, an unknown group, leads to the last cell,
        which is for everything of no known group; and the two groups of each other cell.
    """
    within = [(group, group) for group in range(groups)]
    between = [(one, two) for one in range(groups) for two in range(one + 1, groups)]
    cells = within + between
    numbers = np.full((groups + 1, groups + 1), len(cells), np.int64)
    for cell, (one, two) in enumerate(cells):
        numbers[one, two] = numbers[two, one] = cell
    return numbers, cells


def pair_tally(
    scores: ArrayLike,
    is_same: ArrayLike,
    persons: ArrayLike,
    cells: ArrayLike,
    count: int,
    threshold: float,
    samples: int = 0,
    seed: int = 0,
) -> Tally:
    """Tallies a list of pairs.

    Args:
        scores: float (P,).
        is_same: bool (P,).
        persons: Who is on the two images, int (P, 2).
        cells: The cell of each pair, int (P,), 0 to ``count`` - 1.
        count: How many cells there are.
        threshold: A pair is accepted at or above it.
        samples: Replicates; 0: none.
        seed: Of the draws.

    Raises:
        DataError: Lengths that do not fit.
    """
    values, same = np.asarray(scores, np.float64), np.asarray(is_same, bool)
    people, cell = np.asarray(persons), np.asarray(cells, np.int64)
    if same.shape != values.shape or cell.shape != values.shape or people.shape != (*values.shape, 2):
        raise DataError(f"{len(values)} scores need a kind, a cell and two people each")
    slot = np.where(same, GENUINE, IMPOSTOR) * count + cell
    wrong = (values >= threshold) != same
    slots = [np.flatnonzero(slot == one) for one in range(2 * count)]
    replicates = [
        _rates(
            np.stack([weights[:, own[wrong[own]]].sum(axis=1) for own in slots], axis=1),
            np.stack([weights[:, own].sum(axis=1) for own in slots], axis=1),
        )
        for weights in (replicate_weights(people, samples, seed) if samples else ())
    ]
    return Tally(
        errors=np.bincount(slot[wrong], minlength=2 * count).reshape(2, count),
        comparisons=np.bincount(slot, minlength=2 * count).reshape(2, count),
        scores=np.bincount(slot, values, minlength=2 * count).astype(np.float64).reshape(2, count),
        replicates=np.concatenate(replicates or [np.empty((0, 2 * count))]).reshape(-1, 2, count),
    )


def _rates(errors: NDArray[np.number], comparisons: NDArray[np.number]) -> NDArray[np.float64]:
    return np.where(comparisons > 0, errors / np.maximum(comparisons, 1), np.nan)
