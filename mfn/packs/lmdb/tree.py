"""The entries of an LMDB file: where the value of each key lies. Nothing else of LMDB is needed to read one.

LMDB's own library looks where the file tells it to, and a damaged file may end the process with SIGBUS. Here every
place is checked before it is looked at, and what is whole around the damage is read.

The file is a tree of pages (format 1 of LMDB 0.9, http://www.lmdb.tech/doc/): two pages about the whole, of which the
newer one counts; branches, which lead to pages; leaves, with keys and values; and stretches of pages for long values.
"""

from array import array
from collections.abc import Iterator
from struct import Struct
from struct import error as StructError

import numpy as np

from mfn.images.passed_over import PassedOver

MAGIC = 0xBEEFC0DE
_HEADER = 16
_ABOUT = Struct("<II")
"""Magic number and format, behind the header of a page."""
_FORMAT = 1
_PAGE_SIZE, _ROOT, _TRANSACTION = (Struct("<I"), 40), (Struct("<Q"), 128), (Struct("<Q"), 144)
_FLAGS, _LOWER = (Struct("<H"), 10), (Struct("<H"), 12)
_NODE = Struct("<HHHH")
"""Two halves of a size or of a page's number, flags or its upper part, and the length of the key, which follows."""
_PAGE = Struct("<Q")
_NO_PAGE = 2**64 - 1
_BRANCH, _LEAF = 1, 2
_LONG, _PLAIN = 1, (0, 1)
_SIZES = [2**power for power in range(9, 17)]


class NoDatabaseError(Exception):
    """A file that is no database, or one of another kind; the message says which, to follow its name."""


class Entries:
    """N keys and where their values lie.

    Attributes:
        keys: In the order of their bytes.
        starts: int64, first byte of each value in the file; 0 where the file lacks it.
        ends: int64, behind its last.
    """

    def __init__(self) -> None:
        self.keys: list[bytes] = []
        self.starts = array("q")
        self.ends = array("q")

    def add(self, key: bytes, start: int, end: int) -> None:
        """Adds one."""
        self.keys.append(key)
        self.starts.append(start)
        self.ends.append(end)


def entries_of(file: memoryview, passed_over: PassedOver) -> Entries:
    """Finds all entries of a file.

    Args:
        file: Its bytes.
        passed_over: Gets the pages of keys that are damaged or that the file, cut short, lacks.

    Raises:
        NoDatabaseError: It is no database, or one of another format.
    """
    size, root = _newest(file)
    entries = Entries()
    if root == _NO_PAGE:
        return entries
    left, seen = [root], {root}
    while left:
        number = left.pop()
        if not size * 2 <= (page := number * size) <= len(file) - size:
            passed_over.add(f"page {number}", "pages of keys that are not there")
            continue
        try:
            if _number(file, _FLAGS, page) & _BRANCH:
                below = list(_branches(file, page, size))
                left += [child for child in reversed(below) if child not in seen]
                seen.update(below)
            else:
                _take(file, page, size, entries)
        except (StructError, ValueError):
            passed_over.add(f"page {number}", "pages of keys that are damaged")
    return entries


def _newest(file: memoryview) -> tuple[int, int]:
    """The size of a page, and the root of the tree as it was written last."""
    found = []
    for place in (0, *_SIZES):
        try:
            magic, version = _ABOUT.unpack_from(file, place + _HEADER)
            size, root, transaction = (_number(file, what, place) for what in (_PAGE_SIZE, _ROOT, _TRANSACTION))
        except StructError:
            break
        if magic == MAGIC and version != _FORMAT:
            raise NoDatabaseError(f"is of LMDB's format {version}, of which only {_FORMAT} is known here")
        if magic == MAGIC and size in _SIZES and place in (0, size):
            found.append((transaction, size, root))
    if not found:
        raise NoDatabaseError("is no LMDB file of a 64-bit machine, or its first page is missing")
    return max(found)[1:]


def _branches(file: memoryview, page: int, size: int) -> Iterator[int]:
    for place in _places(file, page, size):
        low, high, top, _ = _NODE.unpack_from(file, place)
        yield low | high << 16 | top << 32


def _take(file: memoryview, page: int, size: int, entries: Entries) -> None:
    """Adds the entries of a leaf."""
    if _number(file, _FLAGS, page) & (_BRANCH | _LEAF) != _LEAF:
        raise ValueError
    for place in _places(file, page, size):
        low, high, flags, length = _NODE.unpack_from(file, place)
        key = place + _NODE.size
        start = start_of_value = key + length
        end = start + (low | high << 16)
        if start > page + size:
            raise ValueError
        if flags == _LONG:
            (number,) = _PAGE.unpack_from(file, start)
            start, end = number * size + _HEADER, number * size + _HEADER + end - start
            inside = 2 * size < start <= end <= len(file)
        else:
            inside = flags in _PLAIN and end <= page + size
        entries.add(bytes(file[key:start_of_value]), *((start, end) if inside else (0, 0)))


def _places(file: memoryview, page: int, size: int) -> Iterator[int]:
    """Where the nodes of a page begin."""
    lower = _number(file, _LOWER, page)
    if not _HEADER <= lower <= size:
        raise ValueError
    for place in np.frombuffer(file[page + _HEADER : page + lower // 2 * 2], "<u2").tolist():
        if not lower <= place <= size - _NODE.size:
            raise ValueError
        yield page + place


def _number(file: memoryview, what: tuple[Struct, int], page: int) -> int:
    return what[0].unpack_from(file, page + what[1])[0]


def shown(key: bytes) -> str:
    """What messages call an entry."""
    return f"key {key.decode(errors='surrogateescape')}"
