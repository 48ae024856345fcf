"""The `.lst` beside a pack: which image has which label, also where the pack's float32 fields cannot hold it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfn.errors import DataError
from mfn.files.lines import table
from mfn.packs.pack_files import beside

EXACT = 2**24
"""A float32 holds every whole number below this one, and only some from it on."""

_WHOLE = re.compile(r"-?\d{1,18}(?:\.0*)?")


@dataclass(frozen=True, slots=True, eq=False)
class PackList:
    """The lines of a list.

    Attributes:
        form: Which columns it has.
        keys: int64 (N,), record key of each image; None where the lines only follow the order of the records.
        labels: int64 (N,).
        names: File name of each image.
    """

    form: str
    keys: np.ndarray | None
    labels: np.ndarray
    names: Sequence[str]

    def labels_of(self, keys: np.ndarray) -> np.ndarray | None:
        """The labels of records, int64 (N,); None where the list does not have them all."""
        if self.keys is None:
            return self.labels if self.labels.size == keys.size else None
        order = np.argsort(self.keys, kind="stable")
        places = order[np.minimum(np.searchsorted(self.keys, keys, sorter=order), order.size - 1)]
        return self.labels[places] if np.array_equal(self.keys[places], keys) else None


def read_pack_list(path: Path) -> list[PackList]:
    """What a list can mean, the likelier first: where all columns are numbers there is more than one way.

    - MXNet's: key, label (and more numbers), file name;
    - InsightFace's: whether it is aligned, file name, label (and more numbers).

    Raises:
        DataError: It is neither, or cannot be read.
    """
    if found := list(_meanings([columns for _, columns in table(path)])):
        return found
    raise DataError(
        f"{path} is no list of a pack: its lines must be 'key<TAB>label<TAB>path', or '1<TAB>path<TAB>label'"
    )


def _meanings(rows: Sequence[Sequence[str]]) -> Iterator[PackList]:
    if not rows or min(map(len, rows)) < 3:
        return
    first, second, third = (_numbers([row[column] for row in rows]) for column in range(3))
    if first is not None and second is not None and np.unique(first).size == first.size:
        yield PackList("key, label, path", first, second, [row[-1] for row in rows])
    if third is not None and first is not None and np.isin(first, (0, 1)).all():
        yield PackList("aligned, path, label", None, third, [row[1] for row in rows])


def _numbers(fields: Sequence[str]) -> np.ndarray | None:
    if not all(map(_WHOLE.fullmatch, fields)):
        return None
    return np.array([int(field.partition(".")[0]) for field in fields], np.int64)


def exact_labels(records: Path, keys: np.ndarray, stored: np.ndarray, claimed: int | None) -> np.ndarray:
    """The labels that the float32 fields of a pack stand for.

    Args:
        records: The `.rec`; its `.lst` is looked for beside it.
        keys: int64 (N,), of the images.
        stored: float32 (N,), whole numbers, not all of them below 2**24.
        claimed: Number of people that `property` tells.

    Returns:
        int64 (N,).

    Raises:
        DataError: There is no list and people may have become one, or the list is of another pack or none.
    """
    listed = beside(records, ".lst")
    if listed.is_file():
        for meaning in read_pack_list(listed):
            labels = meaning.labels_of(keys)
            if labels is not None and np.array_equal(labels.astype(np.float32), stored):
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
