"""The faces of an image set in Parquet or Arrow files: where they are and whom they show."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mfn.errors import DataError
from mfn.images.passed_over import PassedOver
from mfn.packs.parquet.card import Card, read_card, read_features
from mfn.packs.parquet.columns import face_columns
from mfn.packs.parquet.pages import DamagedPageError
from mfn.packs.parquet.places import tables_of
from mfn.packs.parquet.table import Column, Table

_LOOKED_AT = 8
"""Rows of a file that are looked at for images."""


@dataclass(slots=True)
class ParquetFaces:
    """N faces in F files.

    Attributes:
        paths: Of the files.
        columns: The bytes of the images of each file.
        files: int32 (N,), the file of each face; `rows` its row there, int64.
        identities: Whom each shows.
        names: Of the identities that are numbers, as far as something names them.
    """

    paths: list[Path] = field(default_factory=list)
    columns: list[Column] = field(default_factory=list)
    files: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32))
    rows: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    identities: list[int | str] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)


def find_faces(
    place: Path, split: str | None, image_column: str | None, label_column: str | None, passed_over: PassedOver
) -> ParquetFaces:
    """Finds the faces of a split, see `ParquetDataset`; damaged files and rows without a label are counted.

    Raises:
        ConfigError: A split or a column is not there, or it is not clear which one is meant.
        DataError: There are no faces.
    """
    card = read_card(place.parent if place.is_file() else place)
    faces = ParquetFaces()
    problems: list[DataError] = []
    for path in tables_of(place, split, card.patterns):
        try:
            _take(faces, Table(path), card, image_column, label_column, passed_over)
        except DataError as error:
            passed_over.add(path.name, "files that are damaged or hold no images")
            problems.append(error)
    if not faces.identities:
        raise problems[0] if problems else DataError(f"{place} holds no row with a label")
    return faces


def _take(
    faces: ParquetFaces,
    table: Table,
    card: Card,
    image_column: str | None,
    label_column: str | None,
    passed_over: PassedOver,
) -> None:
    """Adds the faces of a file."""
    own = Card(class_names=dict(card.class_names), images=[])
    read_features(own, table.description)
    own.images.extend(card.images if not own.images else ())
    columns = face_columns(table.path, table.schema, own, image_column, label_column)
    labels = table.labels(columns.label)
    if isinstance(labels, np.ndarray):
        rows = np.flatnonzero(labels >= 0)
        identities: list[int | str] = labels[rows].tolist()
        _name(faces.names, table.path, own.class_names.get(columns.label, []))
    else:
        rows = np.array([row for row, word in enumerate(labels) if word], np.int64)
        identities = [word for word in labels if word]
    column = table.bytes_of(columns.data)
    _check_images(table.path, columns.image, column, rows[:_LOOKED_AT])
    if missing := len(labels) - rows.size:
        first = next(row for row in range(len(labels)) if row >= rows.size or rows[row] != row)
        passed_over.add(f"{table.path.name} row {first}", "rows without a label", missing)
    faces.files = np.concatenate([faces.files, np.full(rows.size, len(faces.paths), np.int32)])
    faces.rows = np.concatenate([faces.rows, rows])
    faces.identities += identities
    faces.paths.append(table.path)
    faces.columns.append(column)


def _name(names: dict[int, str], path: Path, of_file: list[str]) -> None:
    for number, name in enumerate(of_file):
        if names.setdefault(number, name) != name:
            raise DataError(f"{path} calls label {number} {name!r}, and a file before it {names[number]!r}")


def _check_images(path: Path, name: str, column: Column, rows: np.ndarray) -> None:
    """Makes sure that there are bytes, and not only names of files that lie elsewhere."""
    for row in rows.tolist():
        try:
            if column.value(row) is not None:
                return
        except DamagedPageError:
            return
    if rows.size:
        raise DataError(
            f"{path}: the images of column {name} are not in the file, only their paths: push or save the set with its "
            "images embedded, or use data=folder on their folder"
        )
