"""Faces somebody else has found: a table of landmarks."""

import csv
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mfn.align.face import Face
from mfn.errors import ConfigError, DataError

_BOX = ("x", "y", "w", "h")
_POINTS = ("lex", "ley", "rex", "rey", "nx", "ny", "lmx", "lmy", "rmx", "rmy")
_CELEBA = [f"{place}_{axis}" for place in ("lefteye", "righteye", "nose", "leftmouth", "rightmouth") for axis in "xy"]
_OURS = {"image_id": "path", **dict(zip(_CELEBA, _POINTS, strict=True))}
"""Our names of CelebA's columns; "left" is as one sees it there too."""


class LandmarkFile:
    """A detector that looks up what a file says of a photo.

    The file is a table with a header, divided by tabs, commas or spaces, one row for each face:

    - ``path``, the five points ``lex ley rex rey nx ny lmx lmy rmx rmy`` (left eye to right mouth corner as one sees
      them, in pixels), and if known the box ``x y w h`` and ``score``; other columns are passed over;
    - or CelebA's ``list_landmarks_align_celeba.txt`` (a line with the number of images, a header of the ten numbers
      ``lefteye_x lefteye_y ...``, and lines of a file name and these numbers), or the same as CSV with ``image_id``.

    Args:
        path: The file. Photos it does not name have no faces.

    Raises:
        ConfigError: The file is missing.
        DataError: Its header or a line is not as above.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise ConfigError(f"detector.path: there is no landmark file {self.path}")
        self._rows = defaultdict[str, list[NDArray[np.float64]]](list)
        try:
            with self.path.open(encoding="utf-8-sig") as lines:
                for name, row in _read(self.path, lines):
                    self._rows[name].append(row)
        except UnicodeDecodeError as error:
            raise DataError(f"{self.path} is not a text file in UTF-8, so it is no landmark file") from error

    def __call__(self, images: Sequence[NDArray[np.uint8]], names: Sequence[str]) -> list[list[Face]]:
        """Looks up the faces of photos by name, see `mfn.align.detector.Detector`; `images` are not looked at."""
        return [
            sorted(map(_face, self._rows.get(name, [])), key=lambda face: -np.nan_to_num(face.score)) for name in names
        ]


def _read(path: Path, lines: Iterator[str]) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Path and 15 numbers (x y w h, five points, score; NaN where unknown) of each row."""
    numbered = enumerate(lines, 1)
    number, header = next(numbered, (1, ""))
    unnamed = ["path"] if header.strip().isdigit() else []
    if unnamed:
        number, header = next(numbered, (2, ""))
    delimiter = next((mark for mark in "\t," if mark in header), None)
    columns = unnamed + [_OURS.get(column, column) for column in _fields(header, delimiter)]
    if missing := [column for column in ("path", *_POINTS) if column not in columns]:
        raise DataError(
            f"{path} line {number} is no header of a landmark file, it lacks {' '.join(missing)}: name the columns "
            f"path {' '.join(_POINTS)}, and if known {' '.join(_BOX)} score"
        )
    at = [columns.index(column) if column in columns else None for column in (*_BOX, *_POINTS, "score")]
    for number, line in numbered:
        if not line.strip():
            continue
        fields = _fields(line, delimiter)
        row = _numbers(fields, at) if len(fields) == len(columns) else None
        if row is None:
            raise DataError(f"{path} line {number} is no face: it must hold {' '.join(columns)}, numbers but for path")
        yield fields[columns.index("path")], row


def _fields(line: str, delimiter: str | None) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter), []) if delimiter else line.split()


def _numbers(fields: list[str], at: list[int | None]) -> NDArray[np.float64] | None:
    """The fields at some places, NaN for the place None; None where one is no number or a point is not finite."""
    try:
        row = np.array([np.nan if place is None else float(fields[place]) for place in at])
    except ValueError:
        return None
    return row if np.isfinite(row[4:14]).all() else None


def _face(row: NDArray[np.float64]) -> Face:
    points = row[4:14].reshape(5, 2)
    box = row[:4] if np.isfinite(row[:4]).all() else _box_around(points)
    return Face.rounded(box, points, row[14])


def _box_around(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Box of twice the extent of the points, about as large as detectors draw it."""
    low, extent = points.min(axis=0), np.ptp(points, axis=0)
    return np.concatenate([low - extent / 2, 2 * extent])
