"""Labels that a pack's float32 fields cannot hold, and the list beside a pack that holds them exactly."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from mfn.data.lines import read_text
from mfn.errors import DataError

EXACT = 2**24
"""A float32 holds every whole number below this one, and only some from it on."""
_WHOLE = re.compile(r"-?\d{1,18}(?:\.0*)?")


def exact_labels(records: Path, keys: np.ndarray, stored: np.ndarray, claimed: int | None) -> np.ndarray:
    """Return the labels that the float32 fields of a pack stand for.

    Args:
        records: the `.rec`; its `.lst` is looked for beside it.
        keys: int64 (N,), of the images.
        stored: float32 (N,), whole numbers, not all of them below 2**24.
        claimed: number of people that `property` tells.

    Returns:
        int64 (N,).

    Raises:
        DataError: there is no list and people may have become one, or the list is of another pack.
    """
    listed = records.with_suffix(".lst")
    if listed.is_file():
        for labels in _readings(_rows(listed), keys):
            if np.array_equal(labels.astype(np.float32), stored):
                return labels
        raise DataError(f"{listed} does not say the labels that {records.name} has: correct it, or move it away")
    people = np.unique(stored).size
    if people == claimed and np.abs(stored).max() < 2.0**63:
        return stored.astype(np.int64)
    told = "" if claimed is None else f" (property says {claimed} people, the records tell {people} apart)"
    raise DataError(
        f"{records} has labels up to {stored.max():.0f}, but its float32 fields tell numbers apart only below {EXACT}, "
        f"so that people may have become one{told}: put {listed.name} beside it, with lines of "
        "'key<TAB>label<TAB>path', or number the people from 0 and pack them again"
    )


def _rows(path: Path) -> list[list[str]]:
    return [[field.strip() for field in line.split("\t")] for line in read_text(path).splitlines() if line.strip()]


def _readings(rows: Sequence[Sequence[str]], keys: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the labels as MXNet's lists (key, label, path) have them, and as InsightFace's (aligned, path, label)."""
    numbers = _column(rows, 0), _column(rows, 1)
    if numbers[0] is not None and numbers[1] is not None:
        order = np.argsort(numbers[0], kind="stable")
        places = np.minimum(np.searchsorted(numbers[0], keys, sorter=order), order.size - 1)
        if np.array_equal(numbers[0][order[places]], keys):
            yield numbers[1][order[places]]
    in_order = _column(rows, 2)
    if in_order is not None and in_order.size == keys.size:
        yield in_order


def _column(rows: Sequence[Sequence[str]], number: int) -> np.ndarray | None:
    fields = [row[number] for row in rows if len(row) > number]
    if not fields or len(fields) < len(rows) or not all(map(_WHOLE.fullmatch, fields)):
        return None
    return np.array([int(field.partition(".")[0]) for field in fields], np.int64)
