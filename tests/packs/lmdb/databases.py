"""Writing LMDB packs as their own tools do: py-lmdb, msgpack, pickle."""

import pickle
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import lmdb
import msgpack

Dumps = Callable[[Any], bytes]
FORMS: dict[str, Dumps] = {
    "msgpack": lambda value: bytes(msgpack.dumps(value) or b""),
    "old msgpack": lambda value: bytes(msgpack.dumps(value, use_bin_type=False) or b""),
    **{f"pickle {number}": lambda value, number=number: pickle.dumps(value, number) for number in range(6)},
}
"""How values were written by one tool or another."""


def write_entries(place: Path, entries: dict[bytes, bytes], *, subdir: bool = False) -> Path:
    """Writes a database, in the order given, as a file or as a folder; leaves no lock file."""
    with (
        lmdb.open(str(place), subdir=subdir, map_size=1 << 26) as environment,
        environment.begin(write=True) as transaction,
    ):
        for key, value in entries.items():
            transaction.put(key, value)
    (place / "lock.mdb" if subdir else place.with_name(f"{place.name}-lock")).unlink()
    return place


def face_entries(faces: Iterable[tuple[bytes, Any]], dumps: Dumps = FORMS["msgpack"]) -> dict[bytes, bytes]:
    """Entries of (image, label) records in Notre Dame's layout."""
    records = {str(number).encode(): dumps(face) for number, face in enumerate(faces)}
    keys = list(records)
    about = {b"__keys__": keys, b"__len__": len(keys), b"__classnum__": len({label for _, label in faces})}
    return records | {key: dumps(value) for key, value in about.items()}


def write_faces(place: Path, faces: Iterable[tuple[bytes, Any]], dumps: Dumps = FORMS["msgpack"], **how: bool) -> Path:
    """Writes such a database."""
    return write_entries(place, face_entries(list(faces), dumps), **how)
