"""A column of byte strings in a file of `Dataset.save_to_disk`, whose memory is the file itself."""

from bisect import bisect_right
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

from mfn.about import optional
from mfn.errors import DataError


class ArrowColumn:
    """The byte strings of a file, by row.

    Args:
        path: The file.
        name: Of the column, with dots between parts.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name, *self._parts = name.split(".")

    def value(self, row: int) -> memoryview | None:
        """The bytes of a row, None where there are none."""
        number = bisect_right(self._starts, row) - 1
        value = self._batches[number][row - self._starts[number]]
        for part in self._parts:
            if not value.is_valid:
                return None
            value = value[part]
        return memoryview(value.as_buffer()) if value.is_valid else None

    @cached_property
    def _batches(self) -> list[Any]:
        return arrow_table(self._path).column(self._name).chunks

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *accumulate(len(batch) for batch in self._batches)]

    def __getstate__(self) -> dict[str, Any]:
        # Another process maps the file again
        return {name: value for name, value in self.__dict__.items() if name not in ("_batches", "_starts")}


def arrow_table(path: Path) -> Any:
    """The table of a file, whose columns are not read before they are looked at.

    Raises:
        DataError: It is no whole Arrow file.
    """
    arrow: Any = optional("pyarrow", f"{path} needs pyarrow", "parquet", DataError)
    ipc: Any = optional("pyarrow.ipc", f"{path} needs pyarrow", "parquet", DataError)
    try:
        file = arrow.memory_map(str(path))
        try:
            return ipc.open_stream(file).read_all()
        except arrow.ArrowInvalid:
            return ipc.open_file(file).read_all()
    except (arrow.ArrowException, OSError) as error:
        raise DataError(f"{path} is no whole Arrow file: get it again") from error
