"""Writing InsightFace's `.bin` verification packs."""

import hashlib
import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mfn.benchmarks.bin_notes import Notes, are_notes, notes_beside, write_notes
from mfn.benchmarks.paired_files import FOLDS
from mfn.benchmarks.verification import VerificationSet, consecutive_folds
from mfn.benchmarks.writable import with_readable_images
from mfn.errors import DataError
from mfn.files.ownership import refuse_to_replace, writing
from mfn.sources.encode import encoded

_PROTOCOL = 4  # any Python 3 reads it
_SEAL = b"\nmfn sha256 "
"""A pack of ours ends with this and the hash of all before; unpicklers stop before it."""
_SEAL_LENGTH = len(_SEAL) + hashlib.sha256().digest_size * 2


def prepare_bin(pairs: VerificationSet, output: str | Path) -> VerificationSet:
    """Pack the pairs of a set with the very bytes of its images, for InsightFace's tools and `read_bin`.

    Folds, identities and groups go to a file beside the pack where they say more than its ten consecutive folds.

    Returns:
        The set as packed: without the pairs of broken images, where the set is not strict.

    Raises:
        BrokenImageError: An image of a strict set cannot be decoded.
        DataError: No pair is left, or there is a file of others under that name.
    """
    refuse_to_replace_bin(Path(output))
    pairs = with_readable_images(pairs)
    images = [encoded(pairs.source, index) for index in range(len(pairs.source))]
    sides = pairs.pairs.ravel()
    notes = Notes(pairs.fold_of, None if pairs.identities is None else pairs.identities[sides], pairs.groups)
    is_plain = np.array_equal(pairs.fold_of, consecutive_folds(len(pairs.pairs), FOLDS))
    is_plain &= pairs.identities is None and pairs.groups is None
    write_bin(output, [images[side] for side in sides], pairs.is_same.tolist(), None if is_plain else notes)
    return pairs


def write_bin(path: str | Path, images: Sequence[bytes], is_same: Sequence[bool], notes: Notes | None = None) -> None:
    """Writes a pack that InsightFace's `load_bin` reads.

    Args:
        path: The file; it appears once it is whole. One of ours that is there is replaced with its notes.
        images: Encoded, 2 P of them: both of the first pair, both of the second ...
        is_same: Whether each of the P pairs shows one person.
        notes: What the pack itself has no place for; written beside it.

    Raises:
        DataError: Images and flags are not as many as they should be, or there is a file of others.
    """
    if len(images) != 2 * len(is_same):
        raise DataError(f"{path}: {len(images)} images do not make {len(is_same)} pairs")
    path = Path(path)
    refuse_to_replace_bin(path)
    content = pickle.dumps(([bytes(image) for image in images], [bool(same) for same in is_same]), _PROTOCOL)
    with writing(path, is_bin_of_ours) as temporary:
        temporary.write_bytes(content + _seal(content))
        write_notes(path, None)  # an old pack without its notes is whole, a new one with old notes is not
    write_notes(path, notes)


def refuse_to_replace_bin(path: Path) -> None:
    """Makes sure that nothing is lost by writing a pack and its notes.

    Raises:
        DataError: There is something under one of their names that mfn did not write.
    """
    refuse_to_replace(path, is_bin_of_ours)
    refuse_to_replace(notes_beside(path), are_notes)


def is_bin_of_ours(path: Path) -> bool:
    """Whether `write_bin` made a file, and nobody changed it since."""
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return content[-_SEAL_LENGTH:] == _seal(content[:-_SEAL_LENGTH])


def _seal(content: bytes) -> bytes:
    return _SEAL + hashlib.sha256(content).hexdigest().encode()
