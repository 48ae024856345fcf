"""Reading verification packs' pickles without running anything that is in them, see `mfn.files.plain_pickle`."""

import lzma
from pathlib import Path
from typing import IO, Any

import numpy as np

from mfn.errors import DataError, first_line
from mfn.files.pickle_builders import Array, Dtype, Number, Refused, StandIn
from mfn.files.plain_pickle import PlainUnpickler

_MAX_DEPTH = 3  # (images, flags), each a list; a cycle ends here too
_IMAGES, _FLAGS = 0, 1
_XZ = b"\xfd7zXZ\x00"


def load(path: str | Path) -> Any:
    """Reads a pickle of (images, flags), as lists or tuples, with nothing in it that is not data.

    Images may be bytes, bytearrays and arrays of uint8; flags bools, whole numbers, floats and arrays of them. What
    comes after these two may be any plain data (text, numbers, dicts ...); it is passed over and comes out as None.
    Pickles of Python 2 and 3 are read, any protocol, also compressed as `.xz`; a `str` of Python 2 becomes bytes.
    Arrays come out as numpy arrays, numpy's numbers as Python's.

    Raises:
        DataError: The file is missing or cut short, or names or holds anything else; nothing in it was run.
    """
    try:
        with _opened(Path(path)) as file:
            return _parts(PlainUnpickler(file, encoding="bytes").load())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    except Refused as refusal:
        raise DataError(
            f"{path} is refused: it holds {refusal}, and a pack may hold only images (bytes or rows of uint8), a flag "
            "for each pair (true, false, 1, 0) and plain data after them; nothing in it was run"
        ) from None
    except Exception as error:  # a damaged pickle may raise anything
        raise DataError(f"{path} is no whole pickle ({first_line(error)}): get the file again") from None


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        packed = file.read(len(_XZ)) == _XZ
    return lzma.open(path) if packed else path.open("rb")


def _parts(content: Any) -> Any:
    """Turns stand-ins into what they stand for, and refuses what is not wanted where it is."""
    if not isinstance(content, list | tuple):
        return _Plain(_IMAGES).of(content, 0)
    known = [_Plain(min(part, _FLAGS)).of(value, 1) for part, value in enumerate(content[:2])]
    for value in content[2:]:
        _check_plain(value)
    return type(content)([*known, *[None] * len(content[2:])])


class _Plain:
    """Plain values of one part of a pack; a list that comes again is gone through once."""

    def __init__(self, part: int) -> None:
        self._part = part
        self._seen: dict[int, Any] = {}

    def of(self, value: Any, depth: int) -> Any:
        if isinstance(value, bytes | bytearray | bool):
            return value
        if isinstance(value, Array):
            if self._part == _IMAGES and value.value.dtype not in (np.uint8, np.bool_):
                raise Refused(f"a numpy type {value.code!r}")
            return value.value
        if self._part == _FLAGS and isinstance(value, int | float | Number):
            return value.value if isinstance(value, Number) else value
        if isinstance(value, list | tuple) and depth < _MAX_DEPTH:
            if id(value) not in self._seen:
                self._seen[id(value)] = type(value)([self.of(item, depth + 1) for item in value])
            return self._seen[id(value)]
        raise Refused(_what(value))


def _check_plain(value: Any) -> None:
    """Makes sure that there is nothing but data, however it is nested."""
    left, seen = [value], set()
    while left:
        value = left.pop()
        if isinstance(value, list | tuple | set | frozenset | dict):
            if id(value) not in seen:
                seen.add(id(value))
                left += [*value, *value.values()] if isinstance(value, dict) else value
        elif not isinstance(value, bytes | bytearray | str | bool | int | float | Array | Number | None):
            raise Refused(_what(value))


def _what(value: Any) -> str:
    """What a value is, for a refusal."""
    match value:
        case StandIn():
            return f"the bare name {value.name}"
        case Number():
            return "a number of numpy"
        case Dtype():
            return f"a numpy type {value.code!r}"
        case list() | tuple():
            return "lists nested too deeply"
    return f"{type(value).__module__}.{type(value).__name__}".removeprefix("builtins.")
