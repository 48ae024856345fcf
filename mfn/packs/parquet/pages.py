"""The pages of a column in a Parquet file, and the byte strings in them."""

from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from struct import error as StructError
from typing import Any

import numpy as np

from mfn.packs.parquet.levels import NoRunsError, hybrid
from mfn.packs.parquet.thrift import NoHeaderError, read_struct

_DATA, _DICTIONARY, _DATA_2 = 0, 2, 3
_PLAIN, _OLD_DICTIONARY, _RUNS, _BY_DICTIONARY = 0, 2, 3, 8
_LENGTH = Struct("<I")

Decompress = Callable[[memoryview, int], memoryview]
"""Compressed bytes, and how many they become."""


class DamagedPageError(Exception):
    """A page that is not what its column says."""


class UnknownPageError(Exception):
    """A page in an encoding that is not read here."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Attributes:
        start: First byte of its content in the file.
        end: Behind its last.
        size: Bytes of the content once it is decompressed.
        count: Values, with those that are not there.
        encoding: Of the values.
        levels: Bytes before the values that say which are there, never compressed; None where they are part of the
            content, with their length before them.
        is_compressed: Whether the values are.
        is_dictionary: Whether it is the column's dictionary.
    """

    start: int
    end: int
    size: int
    count: int
    encoding: int
    levels: int | None
    is_compressed: bool
    is_dictionary: bool


@dataclass(frozen=True, slots=True)
class Strings:
    """The byte strings of a page.

    Attributes:
        content: That they lie in.
        starts: int64 (N,), where each begins; -1 where there is none.
        ends: int64 (N,).
    """

    content: memoryview
    starts: np.ndarray
    ends: np.ndarray

    def value(self, row: int) -> memoryview | None:
        """The string of a row, None where there is none."""
        start = int(self.starts[row])
        return None if start < 0 else self.content[start : int(self.ends[row])]


def pages_of(file: memoryview, start: int, end: int) -> list[Page]:
    """The pages between two places of a file.

    Raises:
        DamagedPageError: They are not there.
        UnknownPageError: One is of another kind.
    """
    if not 0 < start <= end <= len(file):
        raise DamagedPageError
    pages: list[Page] = []
    while start < end:
        try:
            header, start = read_struct(file, start)
            page = _page(header, start)
        except (NoHeaderError, KeyError, TypeError):
            raise DamagedPageError from None
        if not start <= page.end <= end or page.size < 0 or page.count < 0:
            raise DamagedPageError
        if page.is_dictionary and page.count * _LENGTH.size > page.size:
            raise DamagedPageError
        pages.append(page)
        start = page.end
    return pages


def strings_of(
    file: memoryview, page: Page, dictionary: Strings | None, is_optional: int, decompress: Decompress
) -> Strings:
    """The byte strings of a page.

    Args:
        file: That it is in.
        page: Which.
        dictionary: Of the column, where it has one.
        is_optional: How many of its parts may be missing, as of an image its bytes and the image itself.
        decompress: How its values are decompressed.

    Raises:
        DamagedPageError: It breaks off.
        UnknownPageError: Its values are encoded in another way.
    """
    try:
        return _strings(file, page, dictionary, is_optional, decompress)
    except (StructError, IndexError, NoRunsError, OSError, ValueError):
        raise DamagedPageError from None


def _strings(
    file: memoryview, page: Page, dictionary: Strings | None, is_optional: int, decompress: Decompress
) -> Strings:
    content = file[page.start : page.end]
    levels = content[: page.levels or 0]
    if page.is_compressed:
        content = decompress(content[len(levels) :], page.size - len(levels))
    else:
        content = content[len(levels) :]
    if page.levels is None and is_optional and not page.is_dictionary:
        (length,) = _LENGTH.unpack_from(content)
        levels, content = content[4 : 4 + length], content[4 + length :]
    width = int(is_optional).bit_length()
    there = np.ones(page.count, bool)
    if is_optional and not page.is_dictionary:
        there = hybrid(levels, width, page.count) == is_optional
    count = int(there.sum())
    if page.encoding in (_OLD_DICTIONARY, _BY_DICTIONARY) and not page.is_dictionary:
        if dictionary is None:
            raise DamagedPageError
        chosen = hybrid(content[1:], content[0], count) if count else np.empty(0, np.int64)
        content, starts, ends = dictionary.content, dictionary.starts[chosen], dictionary.ends[chosen]
    elif page.encoding == _PLAIN or page.is_dictionary:
        starts, ends = _plain(content, count)
    else:
        raise UnknownPageError
    found = np.full((2, page.count), -1, np.int64)
    found[:, there] = starts, ends
    return Strings(content, *found)


def _plain(content: memoryview, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Where strings lie that follow one another, each behind its length."""
    starts, ends = np.empty((2, count), np.int64)
    place = 0
    for row in range(count):
        (length,) = _LENGTH.unpack_from(content, place)
        starts[row] = place = place + 4
        ends[row] = place = place + length
    if place > len(content):
        raise DamagedPageError
    return starts, ends


def _page(header: dict[int, Any], start: int) -> Page:
    kind, size, end = header[1], header[2], start + header[3]
    if kind == _DATA:
        about = header[5]
        if about[3] != _RUNS:
            raise UnknownPageError
        return Page(start, end, size, about[1], about[2], None, True, False)
    if kind == _DATA_2:
        about = header[8]
        return Page(start, end, size, about[1], about[4], about[5] + about[6], about.get(7, True), False)
    if kind == _DICTIONARY:
        about = header[7]
        return Page(start, end, size, about[1], about[2], None, True, True)
    raise UnknownPageError
