"""Images of a person that come together in a batch."""

from collections.abc import Sequence

import numpy as np


def rows_by_label(labels: np.ndarray) -> list[np.ndarray]:
    """The rows of each label, in rising order of both."""
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1) if labels.size else []


def count_of_units(rows: np.ndarray, count: int) -> int:
    """How many units of `count` images hold all of a person's."""
    return -(-rows.size // count)


def units_of(people: Sequence[np.ndarray], count: int, draw: np.random.Generator | None) -> np.ndarray:
    """All images of some people in units of `count`, int64 (U, count); some come again where they are no multiple.

    Args:
        people: The rows of each.
        count: Images of a unit.
        draw: Of the order of each person's images and of the units; None leaves both as they are.
    """
    if not people:
        return np.empty((0, count), np.int64)
    rows = people if draw is None else [draw.permutation(each) for each in people]
    units = np.concatenate([np.resize(each, (count_of_units(each, count), count)) for each in rows])
    return units if draw is None else draw.permutation(units)
