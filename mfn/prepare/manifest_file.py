"""Named columns to a CSV or Parquet file and back."""

import csv
from collections.abc import Collection, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mfn.about import optional
from mfn.errors import ConfigError, DataError
from mfn.files.atomic import replacing


def require_writer(path: Path) -> None:
    """Makes sure that `write_table` can write a file, before there is anything to write.

    Raises:
        ConfigError: Parquet without pyarrow.
    """
    if path.suffix == ".parquet":
        _pyarrow(path)


def write_table(columns: Mapping[str, NDArray[Any]], path: Path) -> None:
    """Writes columns of one length, each (N,): as Parquet where the path ends in ``.parquet``, as CSV otherwise.

    In CSV a number has as many digits as it takes to read the very same one again, NaN is an empty cell and a truth
    value 0 or 1.

    Raises:
        ConfigError: Parquet without pyarrow.
    """
    with replacing(path) as temporary:
        if path.suffix == ".parquet":
            arrow, parquet = _pyarrow(path)
            arrays = {name: arrow.array(np.ascontiguousarray(values)) for name, values in columns.items()}
            parquet.write_table(arrow.table(arrays), temporary)
            return
        with temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(zip(*(_cells(values) for values in columns.values()), strict=True))


def read_table(path: Path, kinds: Mapping[str, DTypeLike], optional: Collection[str] = ()) -> dict[str, NDArray[Any]]:
    """Reads the columns that are asked for; others are passed over.

    Args:
        path: A file of `write_table`.
        kinds: Type of each column.
        optional: Columns that files of versions before do not have.

    Raises:
        DataError: The file cannot be read, lacks a column, or a cell is no value of its column's type.
        ConfigError: Parquet without pyarrow.
    """
    found = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
    if missing := [name for name in kinds if name not in found and name not in optional]:
        raise DataError(f"{path} has no column {missing[0]}: it is not the index of a prepared pack")
    table = {}
    for name, kind in kinds.items():
        if name not in found:
            continue
        try:
            table[name] = _values(found[name], np.dtype(kind))
        except (ValueError, OverflowError, TypeError) as error:
            raise DataError(f"{path}: column {name} holds what is no {np.dtype(kind).name}: {error}") from None
    return table


def _cells(values: NDArray[Any]) -> list[str]:
    if values.dtype.kind == "b":
        values = values.astype(np.int8)
    text = values.astype(str)  # of a float the shortest that reads back as the same float of its size
    return np.where(values != values, "", text).tolist()


def _values(cells: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    if isinstance(cells, np.ndarray):
        return cells.astype(dtype)
    if dtype.kind == "U":
        return np.array(cells, str)
    if dtype.kind == "b":
        return np.array([("0", "1").index(cell) for cell in cells], bool)
    convert = float if dtype.kind == "f" else int
    return np.array([convert(cell or "nan") for cell in cells], dtype)


def _read_csv(path: Path) -> dict[str, list[str]]:
    try:
        with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    header = rows[0] if rows else []
    wrong = next((line for line, row in enumerate(rows, 1) if len(row) != len(header)), None)
    if wrong is not None:
        raise DataError(f"{path} row {wrong} has {len(rows[wrong - 1])} cells, the header has {len(header)}")
    return {name: [row[column] for row in rows[1:]] for column, name in enumerate(header)}


def _read_parquet(path: Path) -> dict[str, NDArray[Any]]:
    arrow, parquet = _pyarrow(path)
    try:
        table = parquet.read_table(path)
    except (OSError, arrow.ArrowInvalid) as error:
        raise DataError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    return {name: table[name].to_numpy() for name in table.column_names}


def _pyarrow(path: Path) -> tuple[ModuleType, ModuleType]:
    needed, otherwise = f"{path} needs pyarrow", ", or choose a .csv"
    return (
        optional("pyarrow", needed, "prepare", ConfigError, otherwise),
        optional("pyarrow.parquet", needed, "prepare", ConfigError, otherwise),
    )
