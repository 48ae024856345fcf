"""One file of an image set: its columns, its labels and the bytes of its images."""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mfn.about import optional
from mfn.errors import DataError, first_line
from mfn.packs.parquet.arrow_column import ArrowColumn, arrow_table
from mfn.packs.parquet.binary_column import BinaryColumn, Chunk
from mfn.packs.parquet.places import ARROW

_LARGEST = 2**63 - 1


class Column(Protocol):
    """Byte strings by row."""

    def value(self, row: int) -> memoryview | None:
        """The bytes of a row, None where there are none."""
        ...


class Table:
    """A Parquet file, or an Arrow file of `Dataset.save_to_disk`.

    Args:
        path: The file.

    Raises:
        DataError: It is damaged, or pyarrow is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._is_arrow = path.suffix.lower() == ARROW
        _ = self.schema

    @cached_property
    def schema(self) -> Any:
        """pyarrow's, of the columns."""
        return self._arrow.schema if self._is_arrow else self._parquet.schema_arrow

    @property
    def description(self) -> Mapping[str, Any]:
        """What `datasets` wrote of the columns, empty where it did not."""
        try:
            found = json.loads((self.schema.metadata or {}).get(b"huggingface", b"{}"))
        except ValueError:
            return {}
        info = found.get("info") if isinstance(found, dict) else None
        return info if isinstance(info, dict) else {}

    def labels(self, name: str) -> np.ndarray | list[str]:
        """A label for each row: int64 (N,), negative where there is none, or words, "" where there is none.

        Raises:
            DataError: They cannot be read, or a number is too large.
        """
        arrow: Any = optional("pyarrow", f"{self.path} needs pyarrow", "parquet", DataError)
        try:
            column = self._arrow.column(name) if self._is_arrow else self._parquet.read(columns=[name]).column(name)
            if str(column.type).startswith(("int", "uint")):
                return column.cast(arrow.int64()).fill_null(-1).to_numpy().astype(np.int64, copy=False)
            return column.cast(arrow.string()).fill_null("").to_pylist()
        except (arrow.ArrowException, OSError, UnicodeDecodeError) as error:
            raise DataError(f"{self.path}: column {name} cannot be read ({first_line(error)})") from None

    def bytes_of(self, name: str) -> Column:
        """The byte strings of a column, to be read one by one in any process."""
        if self._is_arrow:
            for batch in self._arrow.column(name.partition(".")[0]).chunks:
                batch.validate(full=True)  # offsets, which would lead anywhere in a damaged file
            return ArrowColumn(self.path, name)
        footer = self._parquet.metadata
        place = next(number for number in range(footer.num_columns) if footer.schema.column(number).path == name)
        about = footer.schema.column(place)
        chunks = [_chunk(footer.row_group(group), place) for group in range(footer.num_row_groups)]
        return BinaryColumn(self.path, name, chunks, about.max_definition_level)

    @cached_property
    def _arrow(self) -> Any:
        return arrow_table(self.path)

    @cached_property
    def _parquet(self) -> Any:
        arrow: Any = optional("pyarrow", f"{self.path} needs pyarrow", "parquet", DataError)
        parquet: Any = optional("pyarrow.parquet", f"{self.path} needs pyarrow", "parquet", DataError)
        try:
            return parquet.ParquetFile(self.path, memory_map=True)
        except (arrow.ArrowException, OSError, UnicodeDecodeError) as error:
            raise DataError(f"{self.path} is no whole Parquet file ({first_line(error)}): get it again") from None


def _chunk(group: Any, place: int) -> Chunk:
    column = group.column(place)
    start = column.dictionary_page_offset or column.data_page_offset
    codec = None if column.compression == "UNCOMPRESSED" else column.compression.lower()
    return Chunk(group.num_rows, start, start + column.total_compressed_size, codec)
