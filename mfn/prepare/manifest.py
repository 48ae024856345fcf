"""The table that goes through the steps of `mfn prepare`: one row for each image of the source.

A step marks rows and never deletes one, so that at the end it is known of every image what became of it.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfn.errors import DataError
from mfn.prepare.manifest_file import read_table, write_table

_UNKNOWN: dict[str, tuple[Any, Any, tuple[int, ...]]] = {  # dtype, value, shape of one row
    "name": (str, "", ()),
    "identity": (str, "", ()),
    "reason": (str, "", ()),
    "detail": (str, "", ()),
    "split": (str, "", ()),
    "variant": (str, "", ()),
    "found_by": (str, "", ()),
    "score": (np.float32, np.nan, ()),
    "faces": (np.int32, -1, ()),
    "box": (np.float32, np.nan, (4,)),
    "points": (np.float32, np.nan, (5, 2)),
    "height": (np.int32, 0, ()),
    "width": (np.int32, 0, ()),
    "blur": (np.float32, np.nan, ()),
    "grey": (np.bool_, False, ()),
    "hash": (np.uint64, 0, ()),
    "quality": (np.float64, np.nan, ()),
    "row": (np.int64, -1, ()),
}
MEASURED = (
    "reason",
    "detail",
    "found_by",
    "faces",
    "box",
    "points",
    "score",
    "height",
    "width",
    "blur",
    "grey",
    "hash",
)
"""Columns that the work on the photos fills in."""


def measured_columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, NDArray[Any]]:
    """The columns `MEASURED` of rows, each of which says what is known of it."""
    found: dict[str, NDArray[Any]] = {}
    for column in MEASURED:
        dtype, unknown, shape = _UNKNOWN[column]
        blank = np.full(shape, unknown)
        found[column] = np.array([row.get(column, blank) for row in rows], dtype)
    return found


@dataclass(frozen=True, eq=False, kw_only=True)
class Manifest:
    """Columns of one length N, ordered by identity. A column that is not given holds what stands in brackets.

    Attributes:
        name: str, path below the source's root, or the name of a record.
        identity: str, the person.
        reason: str, why the row was dropped; "" for rows that are kept [""].
        detail: str, what exactly is wrong with a broken image [""].
        split: str, train | val | held_out ["", before the split].
        variant: str, the transform of a virtual copy; "" for an image itself [""].
        found_by: str, the second try that found the face; "" for the detector's first look [""].
        score: float32, the detector's score of the face [NaN].
        faces: int32, how many faces were found [-1].
        box: float32 (N, 4), x, y, width, height of the face in pixels of the photo [NaN].
        points: float32 (N, 5, 2), the landmarks (x, y) in pixels of the photo [NaN].
        height: int32, of the photo in pixels [0].
        width: int32, of the photo in pixels [0].
        blur: float32, variance of the crop's Laplacian: low is blurry [NaN].
        grey: bool, whether the crop has no colour [False].
        hash: uint64, perceptual hash of the crop [0].
        quality: float64, see `mfn.inference.quality.quality_of`; NaN where no gate asked it [NaN].
        row: int64, position of the image in the source [-1].

    Raises:
        DataError: The columns are not of one length.
    """

    name: NDArray[np.str_]
    identity: NDArray[np.str_]
    reason: NDArray[np.str_] = None  # pyright: ignore[reportAssignmentType]
    detail: NDArray[np.str_] = None  # pyright: ignore[reportAssignmentType]
    split: NDArray[np.str_] = None  # pyright: ignore[reportAssignmentType]
    variant: NDArray[np.str_] = None  # pyright: ignore[reportAssignmentType]
    found_by: NDArray[np.str_] = None  # pyright: ignore[reportAssignmentType]
    score: NDArray[np.float32] = None  # pyright: ignore[reportAssignmentType]
    faces: NDArray[np.int32] = None  # pyright: ignore[reportAssignmentType]
    box: NDArray[np.float32] = None  # pyright: ignore[reportAssignmentType]
    points: NDArray[np.float32] = None  # pyright: ignore[reportAssignmentType]
    height: NDArray[np.int32] = None  # pyright: ignore[reportAssignmentType]
    width: NDArray[np.int32] = None  # pyright: ignore[reportAssignmentType]
    blur: NDArray[np.float32] = None  # pyright: ignore[reportAssignmentType]
    grey: NDArray[np.bool_] = None  # pyright: ignore[reportAssignmentType]
    hash: NDArray[np.uint64] = None  # pyright: ignore[reportAssignmentType]
    quality: NDArray[np.float64] = None  # pyright: ignore[reportAssignmentType]
    row: NDArray[np.int64] = None  # pyright: ignore[reportAssignmentType]

    def __post_init__(self) -> None:
        count = len(self.name)
        for column, (dtype, unknown, shape) in _UNKNOWN.items():
            given = getattr(self, column)
            values = np.full((count, *shape), unknown, dtype) if given is None else np.asarray(given, dtype)
            if values.shape != (count, *shape):
                raise DataError(f"manifest: column {column} has shape {values.shape}, expected {(count, *shape)}")
            object.__setattr__(self, column, values)

    def __len__(self) -> int:
        return len(self.name)

    def kept(self) -> NDArray[np.bool_]:
        """Which rows no step has dropped, bool (N,)."""
        return self.reason == ""

    def replace(self, **columns: ArrayLike) -> Self:
        """The same rows with other columns."""
        return replace(self, **columns)  # pyright: ignore[reportArgumentType]

    def take(self, rows: ArrayLike) -> Self:
        """The rows at these positions (int, may repeat) or under this mask (bool), in that order."""
        chosen = np.asarray(rows)
        chosen = chosen if chosen.size else chosen.astype(np.int64)
        return self.replace(**{column: values[chosen] for column, values in self.columns().items()})

    def drop(self, mask: ArrayLike, reason: str) -> Self:
        """Marks the rows under a mask, bool (N,), as dropped; a row that has a reason already keeps it."""
        return self.replace(reason=np.where(np.asarray(mask, bool) & self.kept(), reason, self.reason))

    def reasons(self) -> Counter[str]:
        """How many rows were dropped for each reason, the most common first."""
        return Counter(dict(Counter(self.reason[~self.kept()].tolist()).most_common()))

    def columns(self) -> dict[str, NDArray[Any]]:
        """All columns by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def write(self, path: Path) -> None:
        """Writes all columns as CSV, or as Parquet where the path ends so; `read` gives the very same values.

        Raises:
            ConfigError: Parquet without pyarrow.
        """
        flat: dict[str, NDArray[Any]] = {}
        for column, values in self.columns().items():
            flat.update(zip(_flat_names(column), values.reshape(len(self), math.prod(values.shape[1:])).T, strict=True))
        write_table(flat, path)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads what `write` wrote.

        Raises:
            DataError: The file lacks a column or holds what is no value of it.
            ConfigError: Parquet without pyarrow.
        """
        kinds = {flat: dtype for column, (dtype, _, _) in _UNKNOWN.items() for flat in _flat_names(column)}
        flat = read_table(path, kinds, optional=("detail", "found_by", "quality"))
        return cls(
            **{
                column: np.stack([flat[name] for name in _flat_names(column)], -1).reshape(-1, *shape)
                for column, (_, _, shape) in _UNKNOWN.items()
                if _flat_names(column)[0] in flat
            }
        )

    def joined(self, other: Self) -> Self:
        """These rows, then those of another manifest."""
        both = other.columns()
        return self.replace(**{column: np.concatenate([rows, both[column]]) for column, rows in self.columns().items()})


def _flat_names(column: str) -> list[str]:
    parts = {"box": "x y w h", "points": "lex ley rex rey nx ny lmx lmy rmx rmy"}
    return parts[column].split() if column in parts else [column]
