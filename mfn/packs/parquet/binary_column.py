"""A column of byte strings in a Parquet file, any one of which is read without the others.

A library reads the rows of a group together, and `datasets` writes groups of 100 MB, thousands of faces for the sake of
one. The bytes of an image lie in the file as they are, or in a page of some hundred images, and are taken from there.
"""

from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

from mfn.about import optional
from mfn.errors import DataError
from mfn.files.mapped import mapped
from mfn.packs.parquet.pages import DamagedPageError, Page, Strings, UnknownPageError, pages_of, strings_of

_KEPT = 4
"""Decompressed pages that are kept, for those who read row by row."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """The column in one group of rows.

    Attributes:
        rows: How many.
        start: First byte of its pages.
        end: Behind their last.
        codec: How they are compressed, None where they are not.
    """

    rows: int
    start: int
    end: int
    codec: str | None


class BinaryColumn:
    """The byte strings of a file, by row.

    Args:
        path: The file.
        name: Of the column, with dots between parts.
        chunks: Where its groups are.
        is_optional: How many parts of a value may be missing.
    """

    def __init__(self, path: Path, name: str, chunks: list[Chunk], is_optional: int) -> None:
        self._path = path
        self._name = name
        self._chunks = chunks
        self._is_optional = is_optional
        self._starts = [0, *accumulate(chunk.rows for chunk in chunks)]
        self._forget()

    def value(self, row: int) -> memoryview | None:
        """The bytes of a row, None where there are none.

        Raises:
            DamagedPageError: They cannot be read.
        """
        group = bisect_right(self._starts, row) - 1
        row -= self._starts[group]
        try:
            pages = self._pages_of(group)
            number = bisect_right(pages.starts, row) - 1
            return self._strings(group, pages.pages[number], pages.dictionary).value(row - pages.starts[number])
        except UnknownPageError:
            return self._by_library(group, row)

    def _pages_of(self, group: int) -> "_Pages":
        if (found := self._pages.get(group)) is None:
            chunk = self._chunks[group]
            pages = pages_of(self._file, chunk.start, chunk.end)
            rows = [page for page in pages if not page.is_dictionary]
            dictionary = next((page for page in pages if page.is_dictionary), None)
            found = _Pages(rows, [0, *accumulate(page.count for page in rows)], dictionary)
            if found.starts[-1] != chunk.rows:
                raise DamagedPageError
            self._pages[group] = found
        return found

    def _strings(self, group: int, page: Page, dictionary: Page | None) -> Strings:
        codec = self._chunks[group].codec
        kept = self._in_place if codec is None else self._decompressed
        if (found := kept.get(page.start)) is None:
            words = None if dictionary is None else self._strings(group, dictionary, None)
            found = strings_of(
                self._file,
                page if codec else _uncompressed(page),
                words,
                self._is_optional,
                lambda data, size: memoryview(_pyarrow(self._path).decompress(data, size, codec, asbytes=True)),
            )
            kept[page.start] = found
            if len(self._decompressed) > _KEPT:
                self._decompressed.popitem(last=False)
        return found

    def _by_library(self, group: int, row: int) -> memoryview | None:
        """The bytes of a row by reading all of its group, where its pages are encoded in a rarer way."""
        if self._group is None or self._group[0] != group:
            parquet: Any = optional("pyarrow.parquet", f"{self._path} needs pyarrow", "parquet", DataError)
            try:
                table = parquet.ParquetFile(self._path).read_row_group(group, columns=[self._name])
            except (OSError, ValueError) as error:
                raise DamagedPageError from error
            column = table.column(0).combine_chunks()
            for part in self._name.split(".")[1:]:
                column = column.field(part)
            self._group = group, column
        value = self._group[1][row]
        return memoryview(value.as_buffer()) if value.is_valid else None

    @cached_property
    def _file(self) -> memoryview:
        return mapped(self._path)

    def _forget(self) -> None:
        self._pages: dict[int, _Pages] = {}
        self._in_place: dict[int, Strings] = {}
        self._decompressed: OrderedDict[int, Strings] = OrderedDict()
        self._group: tuple[int, Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        # Another process maps the file again, and finds the pages that it needs
        return {name: value for name, value in self.__dict__.items() if name not in _OWN}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()


_OWN = ("_file", "_pages", "_in_place", "_decompressed", "_group")


@dataclass(frozen=True, slots=True)
class _Pages:
    pages: list[Page]
    starts: list[int]
    dictionary: Page | None


def _uncompressed(page: Page) -> Page:
    return Page(page.start, page.end, page.size, page.count, page.encoding, page.levels, False, page.is_dictionary)


def _pyarrow(path: Path) -> Any:
    return optional("pyarrow", f"{path} needs pyarrow", "parquet", DataError)
