"""What a `.bin` pack has no place for, in a JSON file beside it: `lfw.bin.json`."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfn.errors import DataError
from mfn.files.atomic import replacing
from mfn.files.ownership import is_json_like
from mfn.text import printable

_KEYS = {"bytes", "sha256", "fold_of", "identities", "groups"}


@dataclass(frozen=True, slots=True, eq=False)
class Notes:
    """About the P pairs of a pack.

    Attributes:
        fold_of: int64 (P,), the fold of each pair.
        identities: int64 (2 P,), the person each image of the pack shows, where that is known.
        groups: str (P,), the group of each pair, where there are groups.
    """

    fold_of: np.ndarray
    identities: np.ndarray | None = None
    groups: np.ndarray | None = None


def read_notes(pack: Path, num_pairs: int) -> Notes | None:
    """The notes beside a pack of so many pairs, None where there are none.

    Raises:
        DataError: They are damaged or belong to another pack.
    """
    path = notes_beside(pack)
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        identities, groups = content["identities"], content["groups"]
        notes = Notes(
            np.array(content["fold_of"], np.int64),
            None if identities is None else np.array(identities, np.int64),
            None if groups is None else np.array([printable(group) for group in groups]),
        )
        shapes = [None if part is None else part.shape for part in (notes.fold_of, notes.identities, notes.groups)]
        wanted = [(num_pairs,), identities and (2 * num_pairs,), groups and (num_pairs,)]
        is_of_pack = content["bytes"] == pack.stat().st_size and content.get("sha256") in (None, _digest(pack))
        if shapes != wanted or not is_of_pack:
            raise ValueError
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        raise DataError(
            f"{path} is damaged or belongs to another {pack.name}: delete it, or pack the pairs again"
        ) from None
    return notes


def write_notes(pack: Path, notes: Notes | None) -> None:
    """Writes the notes beside a finished pack; None removes those that are there."""
    path = notes_beside(pack)
    if notes is None:
        path.unlink(missing_ok=True)
        return
    content = {
        "bytes": pack.stat().st_size,  # these two tell this pack from another one under its name
        "sha256": _digest(pack),
        "fold_of": notes.fold_of.tolist(),
        "identities": None if notes.identities is None else notes.identities.tolist(),
        "groups": None if notes.groups is None else notes.groups.tolist(),
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content), encoding="utf-8")


def are_notes(path: Path) -> bool:
    """Whether a file holds the notes of some pack."""
    return is_json_like(path, dict.fromkeys(_KEYS))


def notes_beside(pack: Path) -> Path:
    """Where the notes of a pack lie."""
    return pack.with_name(pack.name + ".json")


def _digest(pack: Path) -> str:
    with pack.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
