"""Numbers and texts in MATLAB's files of versions 5 to 7, read by their format alone.

SciPy's reader is not used: a damaged file makes it end the whole process. Cell arrays of texts, texts and numbers are
read, plain or compressed; everything else a file may hold (structures, objects, functions) is passed over. From
MathWorks, "MAT-File Format", level 5.
"""

import math
import struct
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from mfn.errors import DataError

Value = np.ndarray | list["Value | None"] | list[str]

_MOST = 1 << 28
"""Bytes that a compressed variable may unpack to."""
_DEEP = 4
_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {1: "i1", 2: "u1", 4: "u2", 16: "u1", 17: "u2", 18: "u4"}
_CELL, _CHAR = 1, 4
_NUMERIC = range(6, 16)


def read_mat(path: Path, names: Collection[str]) -> dict[str, Value]:
    """The variables of these names that the file has and that can be read.

    Returns:
        Numbers as arrays of their shape, texts as a list of rows, cell arrays as a flat list of such, None where a
        cell holds something else.

    Raises:
        DataError: The file is missing, of another version, or damaged.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from None
    if data.startswith(b"MATLAB 7.3"):
        raise DataError(f"{path} is a MATLAB file of version 7.3: save it there with -v7")
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
    if order is None or not data.startswith(b"MATLAB"):
        raise DataError(f"{path} is no MATLAB file of versions 5 to 7: get the file again")
    try:
        return dict(_variables(memoryview(data)[128:], order, names))
    except (_DamagedError, struct.error, zlib.error, UnicodeDecodeError, ValueError) as error:
        raise DataError(f"{path} is a damaged MATLAB file ({error}): get the file again") from None


class _DamagedError(Exception):
    """A file says what cannot be."""


def _variables(data: memoryview, order: str, names: Collection[str]) -> Iterator[tuple[str, Value]]:
    for kind, body in _elements(data, order):
        if kind == _COMPRESSED:
            yield from _variables(_unpacked(body), order, names)
        elif kind == _MATRIX:
            parts = list(_elements(body, order))
            name = bytes(parts[2][1]).decode("ascii", "replace") if len(parts) > 2 else ""
            if name in names and (value := _value(parts, order, 0)) is not None:
                yield name, value


def _unpacked(body: memoryview) -> memoryview:
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(bytes(body), _MOST)
    if unpacker.unconsumed_tail:
        raise _DamagedError(f"a variable of more than {_MOST:,} bytes")
    return memoryview(data)


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Yields type and content of each element; short ones lie in their own tag."""
    at = 0
    while at + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, at)
        start, end = at + 8, at + 8 + size
        if kind >> 16:
            kind, size, start = kind & 0xFFFF, kind >> 16, at + 4
            end = start + size
            if size > 4:
                raise _DamagedError(f"a short element of {size} bytes")
        if end > len(data):
            raise _DamagedError("it is cut short")
        yield kind, data[start:end]
        at = max(at + 8, end if kind == _COMPRESSED else end + -end % 8)


def _value(parts: list[tuple[int, memoryview]], order: str, depth: int) -> Value | None:
    """What a matrix of these elements holds, None for what is not read."""
    if len(parts) < 3 or len(parts[0][1]) < 4 or depth > _DEEP:
        return None
    (flags,) = struct.unpack_from(f"{order}I", parts[0][1])
    shape = np.frombuffer(parts[1][1], f"{order}i4").tolist()
    what, content = flags & 0xFF, parts[3:]
    if any(side < 0 for side in shape):
        raise _DamagedError(f"a variable of shape {shape}")
    count = math.prod(shape)
    if what == _CELL:
        if len(content) != count:
            raise _DamagedError(f"{len(content)} cells of {count}")
        return [_value(list(_elements(body, order)), order, depth + 1) if kind == _MATRIX else None
                for kind, body in content]  # fmt: skip
    kinds = _TEXTS if what == _CHAR else _NUMBERS if what in _NUMERIC else {}
    if not content or content[0][0] not in kinds:
        return None
    kind, body = content[0]
    if what == _CHAR and kind == 16:
        body, kind = bytes(body).decode("utf-8").encode(f"utf-32-{'le' if order == '<' else 'be'}"), 18
    numbers = np.frombuffer(body, f"{order}{kinds[kind]}")
    if numbers.size != count:
        raise _DamagedError(f"{numbers.size} values of {count}")
    values = numbers.reshape(shape, order="F")
    if what != _CHAR:
        return values
    return ["".join(map(chr, row)) for row in values.reshape(shape[0] if shape else 1, -1).tolist()]
