"""A tally over every comparison of a set's images, for rates that its list of pairs is too short for.

People are drawn as for pairs: with w_i the times person i was drawn, comparisons of person i with himself count w_i
times and those of i and j w_i * w_j times. Comparisons without an error need not be listed for that: their number
follows from how many images of each group each person has.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from mfn.errors import DataError
from mfn.metrics.bootstrap import drawn_people
from mfn.metrics.group_tally import GENUINE, IMPOSTOR, Tally, cell_table

_PAIRS = 1 << 21
_CELLS = 1 << 22


@dataclass(frozen=True, slots=True)
class _Errors:
    """People, cell and number of the comparisons that went wrong, int64 (E,) each, by rising cell."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    cell: NDArray[np.int64]
    number: NDArray[np.int64]


def all_tally(
    embeddings: ArrayLike, persons: ArrayLike, groups: ArrayLike, count: int, threshold: float, samples: int = 0,
    seed: int = 0,
) -> Tally:  # fmt: skip
    """Tallies all pairs of different images in the cells of `cell_table`, the last one for unknown groups.

    Args:
        embeddings: Unit length, float (N, D).
        persons: Whom each image shows, int (N,).
        groups: The group of each image, int (N,), -1 where it is not known.
        count: How many groups there are.
        threshold: A pair is accepted at or above it.
        samples: Replicates; 0: none.
        seed: Of the draws.

    Raises:
        DataError: Lengths that do not fit.
    """
    rows, group = np.asarray(embeddings, np.float32), np.asarray(groups, np.int64)
    if rows.ndim != 2 or group.shape != rows.shape[:1] or np.shape(persons) != group.shape:
        raise DataError(f"embeddings {rows.shape} need a person and a group each")
    names, person = np.unique(np.asarray(persons), return_inverse=True)
    table, cells = cell_table(count)
    number = len(cells) + 1
    totals, sums = np.zeros(2 * number, np.int64), np.zeros(2 * number)
    wrong: list[NDArray[np.int64]] = []
    for values, one, two in _comparisons(rows):
        same = person[one] == person[two]
        cell = table[group[one], group[two]]
        slot = np.where(same, GENUINE, IMPOSTOR) * number + cell
        totals += np.bincount(slot, minlength=2 * number)
        sums += np.bincount(slot, values, minlength=2 * number)
        at = np.flatnonzero((values >= threshold) != same)
        wrong.append(np.stack([slot[at], *np.sort(np.stack([person[one[at]], person[two[at]]]), axis=0)], axis=1))
    found, times = np.unique(np.concatenate(wrong), axis=0, return_counts=True)
    errors = _Errors(found[:, 1], found[:, 2], found[:, 0], times)
    return Tally(
        errors=np.bincount(errors.cell, times, minlength=2 * number).astype(np.int64).reshape(2, number),
        comparisons=totals.reshape(2, number),
        scores=sums.reshape(2, number),
        replicates=_replicates(errors, _images(person, group, len(names), count), samples, seed),
    )


def cells_tally(
    embeddings: ArrayLike,
    persons: ArrayLike,
    cells: Callable[[NDArray[np.int64]], NDArray[np.int64]],
    count: int,
    threshold: float,
) -> Tally:
    """Tallies all pairs of different images in cells of any kind, such as those of a family and the others.

    Args:
        embeddings: Unit length, float (N, D).
        persons: Whom each image shows, int (N,).
        cells: The cell of each pair of positions, int (P, 2) to int (P,), from 0 to ``count`` - 1, -1 for none.
        count: How many cells there are.
        threshold: A pair is accepted at or above it.

    Returns:
        Without replicates: the cells of a person are not told apart, so that people cannot be drawn.
    """
    rows, person = np.asarray(embeddings, np.float32), np.asarray(persons)
    number = count + 1
    totals, wrong, sums = np.zeros(2 * number, np.int64), np.zeros(2 * number, np.int64), np.zeros(2 * number)
    for values, one, two in _comparisons(rows):
        same = person[one] == person[two]
        slot = np.where(same, GENUINE, IMPOSTOR) * number + cells(np.stack([one, two], axis=1)) % number
        totals += np.bincount(slot, minlength=2 * number)
        sums += np.bincount(slot, values, minlength=2 * number)
        wrong += np.bincount(slot[(values >= threshold) != same], minlength=2 * number)
    return Tally(
        errors=wrong.reshape(2, number),
        comparisons=totals.reshape(2, number),
        scores=sums.reshape(2, number),
        replicates=np.empty((0, 2, number)),
    )


def _comparisons(
    rows: NDArray[np.float32],
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]]:
    """Yields cosines with the positions of both images, the lower one first, of all pairs in blocks."""
    columns, block = torch.from_numpy(rows), max(1, _PAIRS // max(1, len(rows)))
    for start in range(0, len(rows), block):
        cosines = (columns[start : start + block] @ columns[start:].T).numpy()
        one, two = np.nonzero(np.arange(cosines.shape[1])[None] > np.arange(len(cosines))[:, None])
        yield cosines[one, two], one + start, two + start


def _images(person: NDArray, group: NDArray[np.int64], people: int, count: int) -> NDArray[np.float64]:
    """Images of each person in each group, (people, groups + 1), the unknown group last."""
    return np.bincount(person * (count + 1) + group % (count + 1), minlength=people * (count + 1)).reshape(
        people, count + 1
    ).astype(np.float64)  # fmt: skip


def _replicates(errors: _Errors, images: NDArray[np.float64], samples: int, seed: int) -> NDArray[np.float64]:
    cells = cell_table(images.shape[1] - 1)[1]
    number = len(cells) + 1
    chunk = max(1, _CELLS // max(len(images) * 2, len(errors.cell), 1))
    both = np.stack([images[:, one] * images[:, two] for one, two in cells], axis=1)
    half = np.array([0.5 if one == two else 1.0 for one, two in cells])
    within = np.where(half < 1, both - images[:, [one for one, _ in cells]], both) * half
    found = []
    for drawn in drawn_people(len(images), samples, seed, chunk):
        weights = drawn.astype(np.float64)
        totals = weights @ images
        met = np.stack([totals[:, one] * totals[:, two] for one, two in cells], axis=1)
        comparisons = np.zeros((len(weights), 2, number))
        comparisons[:, IMPOSTOR, :-1] = (met - weights**2 @ both) * half
        comparisons[:, GENUINE, :-1] = weights @ within
        times = weights[:, errors.first] * np.where(errors.first == errors.second, 1, weights[:, errors.second])
        wrong = np.zeros((len(weights), 2 * number))
        for cell in np.unique(errors.cell):
            start, end = np.searchsorted(errors.cell, [cell, cell + 1])
            wrong[:, cell] = times[:, start:end] @ errors.number[start:end]
        rates = wrong.reshape(comparisons.shape) / np.maximum(comparisons, 1)
        found.append(np.where(comparisons > 0, rates, np.nan))  # unknown groups have no interval
    return np.concatenate(found) if found else np.empty((0, 2, number))
