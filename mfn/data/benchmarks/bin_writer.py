"""Writing InsightFace's `.bin` verification packs."""

import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mfn.data.benchmarks.bin_notes import Notes, write_notes
from mfn.data.benchmarks.paired_files import FOLDS
from mfn.data.benchmarks.readable import readable
from mfn.data.encode import encoded
from mfn.data.verification import VerificationSet, consecutive_folds
from mfn.errors import DataError
from mfn.files import replacing

_PROTOCOL = 4  # any Python 3 reads it


def prepare_bin(pairs: VerificationSet, output: str | Path) -> VerificationSet:
    """Pack the pairs of a set with the very bytes of its images, for InsightFace's tools and `read_bin`.

    Folds, identities and groups go to a file beside the pack where they say more than its ten consecutive folds.

    Returns:
        The set as packed: without the pairs of broken images, where the set is not strict.

    Raises:
        BrokenImageError: an image of a strict set cannot be decoded.
        DataError: no pair is left.
    """
    pairs = readable(pairs)
    images = [encoded(pairs.source, index) for index in range(len(pairs.source))]
    sides = pairs.pairs.ravel()
    notes = Notes(pairs.fold_of, None if pairs.identities is None else pairs.identities[sides], pairs.groups)
    is_plain = np.array_equal(pairs.fold_of, consecutive_folds(len(pairs.pairs), FOLDS))
    is_plain &= pairs.identities is None and pairs.groups is None
    write_bin(output, [images[side] for side in sides], pairs.is_same.tolist(), None if is_plain else notes)
    return pairs


def write_bin(path: str | Path, images: Sequence[bytes], is_same: Sequence[bool], notes: Notes | None = None) -> None:
    """Write a pack that InsightFace's `load_bin` reads.

    Args:
        path: the file; it appears once it is whole. Notes of an older file are removed.
        images: encoded, 2 P of them: both of the first pair, both of the second ...
        is_same: whether each of the P pairs shows one person.
        notes: what the pack itself has no place for; written beside it.

    Raises:
        DataError: images and flags are not as many as they should be.
    """
    if len(images) != 2 * len(is_same):
        raise DataError(f"{path}: {len(images)} images do not make {len(is_same)} pairs")
    path = Path(path)
    with replacing(path) as temporary:
        with temporary.open("wb") as file:
            pickle.dump(([bytes(image) for image in images], [bool(same) for same in is_same]), file, _PROTOCOL)
        write_notes(path, None)  # an old pack without its notes is whole, a new one with old notes is not
    write_notes(path, notes)
