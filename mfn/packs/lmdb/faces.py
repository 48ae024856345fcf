"""The faces of an LMDB database: which keys they have, where they lie and whom they show."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfn.errors import DataError
from mfn.images.passed_over import PassedOver
from mfn.packs.lmdb.face_value import ValueRefusedError, count_in, face_in, keys_in
from mfn.packs.lmdb.keys import Keys
from mfn.packs.lmdb.tree import NoDatabaseError, entries_of, shown
from mfn.text import printable

logger = logging.getLogger(__name__)

NO_FACE = "records that hold no face with its label"
_ABOUT = b"__"
"""Keys that begin so are about the whole."""


@dataclass(frozen=True, slots=True)
class LmdbFaces:
    """N faces.

    Attributes:
        keys: Of each.
        starts: int64 (N,), first byte of its record in the file.
        ends: int64 (N,), behind its last.
        identities: Whom each shows.
    """

    keys: Keys
    starts: np.ndarray
    ends: np.ndarray
    identities: list[int | str]


def find_faces(path: Path, file: memoryview, passed_over: PassedOver) -> LmdbFaces:
    """Reads the labels of all records, in the order of `__keys__`, or of the keys themselves where there is none.

    Args:
        path: Of the file.
        file: What is in it.
        passed_over: Gets what is passed over.

    Raises:
        DataError: It is no database, there are no faces in it, or at least as many records are none.
    """
    try:
        entries = entries_of(file, passed_over)
    except NoDatabaseError as error:
        raise DataError(f"{path} {error}: get the file again, or look for the right one") from None
    if not entries.keys:
        told = passed_over.sentence()
        raise DataError(f"{path} is cut short or damaged ({told}): get it again" if told else f"{path} holds no record")
    place_of = {key: place for place, key in enumerate(entries.keys)}

    def value(key: bytes) -> memoryview | None:
        place = place_of.get(key)
        return (
            file[entries.starts[place] : entries.ends[place]] if place is not None and entries.starts[place] else None
        )

    keys = _in_order(path, value(b"__keys__"), [key for key in entries.keys if not key.startswith(_ABOUT)])
    taken: dict[bytes, int | str] = {}
    problem, problems = f"{path} holds no record", 0
    for key in keys:
        if key in taken:
            passed_over.add(shown(key), "keys that come again")
            continue
        try:
            if (record := value(key)) is None:
                raise ValueRefusedError("is not there")
            taken[key] = face_in(record)[1]
        except ValueRefusedError as error:
            passed_over.add(shown(key), NO_FACE)
            problem = problem if problems else f"{path} {printable(shown(key))} {error}"
            problems += 1
    if len(taken) <= problems:
        raise DataError(problem)
    _compare(path, {b"__len__": len(keys), b"__classnum__": len(set(taken.values()))}, value)
    places = np.array([place_of[key] for key in taken], np.int64)
    starts, ends = (np.array(bound, np.int64)[places] for bound in (entries.starts, entries.ends))
    return LmdbFaces(Keys(list(taken)), starts, ends, list(taken.values()))


def _in_order(path: Path, listed: memoryview | None, keys: list[bytes]) -> Sequence[bytes]:
    if listed is not None:
        try:
            return keys_in(listed)
        except ValueRefusedError as error:
            logger.warning("%s: its __keys__ %s; its records are taken in the order of their keys", path, error)
    return sorted(keys, key=int) if all(key.isdigit() for key in keys) else keys


def _compare(path: Path, found: Mapping[bytes, int], value: Callable[[bytes], memoryview | None]) -> None:
    """Tells where the database says other counts than there are."""
    for name, count in found.items():
        held = value(name)
        said = None if held is None else count_in(held)
        if said is not None and said != count:
            logger.warning("%s: its %s is %d, and there are %d", path, name.decode(), said, count)
