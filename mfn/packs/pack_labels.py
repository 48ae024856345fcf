"""Labels that a pack's float32 fields cannot hold, and the list beside a pack that holds them exactly."""

from pathlib import Path

import numpy as np

from mfn.errors import DataError
from mfn.packs.pack_files import beside
from mfn.packs.pack_list import read_pack_list

EXACT = 2**24
"""A float32 holds every whole number below this one, and only some from it on."""


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
