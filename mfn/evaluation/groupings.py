"""What is known of images, to groups: columns crossed, numbers in bins, and pairs by how their images differ."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mfn.errors import DataError
from mfn.text import printable

MOST_GROUPS = 40
_FEW_VALUES = 8
"""A column of numbers with no more different values, such as 0 and 1, is one of groups, unless edges are given."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """Groups of images, or of pairs.

    Attributes:
        by: What they are by, for people.
        names: Of the groups.
        codes: The group of each, int64 (N,), -1 where it is not known.
    """

    by: str
    names: tuple[str, ...]
    codes: NDArray[np.int64]


def image_groups(columns: Mapping[str, NDArray[np.str_]], edges: Sequence[float] | None = None) -> Grouping:
    """Groups of images by one column or by several crossed ones.

    Args:
        columns: The values of each column by its name, str (N,), "" where nothing is known.
        edges: Rising edges of the bins for columns of numbers; by default quarters.

    Raises:
        DataError: More than `MOST_GROUPS` groups, or edges that do not rise.
    """
    parts = [_coded(values, edges) for values in columns.values()]
    known = np.logical_and.reduce([codes >= 0 for _, codes in parts])
    crossed = np.stack([codes for _, codes in parts], axis=1)[known]
    there, inverse = np.unique(crossed, axis=0, return_inverse=True)
    by = " and ".join(map(printable, columns))
    if len(there) > MOST_GROUPS:
        raise DataError(
            f"{by} make {len(there)} groups, more than {MOST_GROUPS}: name a coarser column, or give groups.bins"
        )
    codes = np.full(len(known), -1, np.int64)
    codes[known] = inverse.ravel()
    names = [", ".join(part[0][code] for part, code in zip(parts, row, strict=True)) for row in there]
    return Grouping(by, tuple(names), codes)


def gap_edges(
    name: str, values: NDArray[np.str_], pairs: NDArray[np.int64], edges: Sequence[float] | None = None
) -> list[float]:
    """The edges that `gap_groups` uses for these pairs; raises as it does."""
    return _edges(_gaps(name, values, pairs), edges)


def gap_groups(
    name: str, values: NDArray[np.str_], pairs: NDArray[np.int64], edges: Sequence[float] | None = None
) -> Grouping:
    """Groups of pairs by how far apart their images' numbers are, such as ages.

    Args:
        name: Of the column.
        values: Numbers, str (N,), "" where nothing is known.
        pairs: Positions of the images, int (P, 2).
        edges: Rising edges of the bins; by default quarters.

    Raises:
        DataError: A value that is no number, or edges that do not rise.
    """
    names, codes = _binned(_gaps(name, values, pairs), edges)
    return Grouping(f"gap in {printable(name)}", names, codes)


def _gaps(name: str, values: NDArray[np.str_], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    numbers = _numbers(values)
    if numbers is None:
        wrong = next((value for value in values.tolist() if value and not _is_number(value)), "")
        raise DataError(f"groups.gap={name} needs a column of numbers, and {printable(wrong)!r} is none")
    return np.abs(numbers[pairs[:, 0]] - numbers[pairs[:, 1]])


def same_groups(name: str, values: NDArray[np.str_], pairs: NDArray[np.int64]) -> Grouping:
    """Pairs that share a value, such as a family, and pairs that do not.

    Args:
        name: Of the column.
        values: str (N,), "" where nothing is known.
        pairs: Positions of the images, int (P, 2).
    """
    first, second = (values[pairs[:, side]] for side in (0, 1))
    codes = np.where((first == "") | (second == ""), -1, np.where(first == second, 0, 1))
    named = printable(name)
    return Grouping(f"sharing {named}", (f"same {named}", f"other {named}"), codes)


def labelled_groups(labels: NDArray[np.str_]) -> Grouping:
    """The groups that a set gives its pairs, str (P,)."""
    names, codes = np.unique(labels, return_inverse=True)
    return Grouping("group of the pair", tuple(names.tolist()), np.where(labels == "", -1, codes))


def _coded(values: NDArray[np.str_], edges: Sequence[float] | None) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    numbers = _numbers(values)
    if numbers is not None and (edges is not None or np.unique(numbers[~np.isnan(numbers)]).size > _FEW_VALUES):
        return _binned(numbers, edges)
    names, codes = np.unique(values, return_inverse=True)
    empty = int(names[0] == "") if len(names) else 0
    return tuple(printable(name) for name in names[empty:].tolist()), codes.ravel() - empty


def _binned(numbers: NDArray[np.float64], edges: Sequence[float] | None) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    found = _edges(numbers, edges)
    texts = [f"{edge:g}" for edge in found]
    middle = [f"{low} to <{high}" for low, high in pairwise(texts)]
    return (f"<{texts[0]}", *middle, f">={texts[-1]}"), np.where(np.isnan(numbers), -1, np.digitize(numbers, found))


def _edges(numbers: NDArray[np.float64], edges: Sequence[float] | None) -> list[float]:
    known = numbers[~np.isnan(numbers)]
    found = np.array(edges or [])
    if edges is None and len(known):
        quarters = np.unique(np.quantile(known, (0.25, 0.5, 0.75)))
        found = quarters[quarters > known.min()] if known.max() > known.min() else quarters
    if not len(found) or not (np.diff(found) > 0).all():
        raise DataError(f"edges of bins must rise, as [18,40,60], got {list(found)}")
    return found.tolist()


def _numbers(values: NDArray[np.str_]) -> NDArray[np.float64] | None:
    """Values as float64, nan where nothing is known; None where one is no number or all are empty."""
    given = [value for value in values.tolist() if value]
    if not given or not all(map(_is_number, given)):
        return None
    return np.array([float(value) if value else np.nan for value in values.tolist()])


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
