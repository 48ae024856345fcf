"""A CSV of what is known of persons or images, such as gender, age or a quality, matched with a set's images."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np

from mfn.benchmarks.verification import VerificationSet
from mfn.errors import DataError
from mfn.files.lines import read_text, slashed
from mfn.images.files import IMAGE_SUFFIXES
from mfn.text import printable

_IMAGE = ("image", "file", "path", "filename", "image_name")
_PERSON = ("identity", "person", "name", "subject", "label", "id")


@dataclass(frozen=True, slots=True)
class AttributeTable:
    """The rows of a CSV.

    Attributes:
        path: Of the file.
        of_images: Whether rows are of images, otherwise of persons.
        columns: Names of the attributes, as the header has them.
        rows: The values of each key by column, "" where a cell is empty.
    """

    path: Path
    of_images: bool
    columns: tuple[str, ...]
    rows: Mapping[str, Mapping[str, str]]


def read_attributes(path: str | Path) -> AttributeTable:
    """Reads a CSV with a header, columns divided by commas, semicolons or tabs.

    One column says whom or what a row is of: `image` (or file, path), a file name, with its folder where names are not
    unique, with or without the ending; or else `identity` (or person, name, subject, label, id). All others are
    attributes.

    Raises:
        DataError: The file is missing or no CSV, has no such column or no attribute, or says two things of one key.
    """
    path = Path(path)
    rows = _records(path)
    header = [name.strip() for name in rows[0][1]] if rows else []
    lower = [name.lower() for name in header]
    kinds = [(lower.index(name), name in _IMAGE) for name in (*_IMAGE, *_PERSON) if name in lower]
    if not kinds or len(header) < 2:
        raise DataError(
            f"{path} line 1 is {','.join(header)[:80]!r}: the first line must name the columns, one of them image or "
            "identity, the others what is known of it, as in identity,gender,age"
        )
    key, of_images = kinds[0]
    columns = tuple(name for place, name in enumerate(header) if place != key and name)
    if len(set(columns)) < len(columns):
        raise DataError(f"{path} line 1 names a column twice: {','.join(header)[:80]}; give each a name of its own")
    found: dict[str, dict[str, str]] = {}
    for number, row in rows[1:]:
        if len(row) < len(header) or any(row[len(header) :]):
            raise DataError(f"{path} line {number} has {len(row)} columns, not the {len(header)} of line 1")
        values = {name: row[place].strip() for place, name in enumerate(header) if place != key and name}
        name = _key(row[key].strip(), of_images)
        if name and found.setdefault(name, values) != values:
            raise DataError(f"{path} line {number} says something else of {printable(name)} than a line above it")
    return AttributeTable(path, of_images, columns, found)


def matched(table: AttributeTable, pairs: VerificationSet, columns: Sequence[str]) -> dict[str, np.ndarray]:
    """The values of some columns for each image of a set, str (N,) each, "" where nothing is known.

    Persons are known by the name that the set gives them, otherwise by the folder an image lies in, otherwise by their
    number in the set.

    Raises:
        DataError: The table lacks a column.
    """
    if lacking := [column for column in columns if column not in table.columns]:
        raise DataError(f"{table.path} has no column {lacking[0]}: it has {', '.join(table.columns)}")
    places = [_parts(pairs.source.describe(index)) for index in range(len(pairs.source))]
    names = _image_names(places) if table.of_images else _person_names(places, pairs)
    rows = [next((table.rows[name] for name in keys if name in table.rows), None) for keys in names]
    return {column: np.array(["" if row is None else row[column] for row in rows], str) for column in columns}


def _records(path: Path) -> list[tuple[int, list[str]]]:
    """The rows that are not blank, with their numbers, divided as the header is."""
    text = read_text(path)
    header = next((line for line in text.splitlines() if line.strip()), "")
    rows = csv.reader(StringIO(text, newline=""), delimiter=max(",;\t", key=header.count), skipinitialspace=True)
    try:
        return [(rows.line_num, row) for row in rows if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise DataError(f"{path} line {rows.line_num} cannot be read as CSV ({error})") from None


def _key(text: str, of_images: bool) -> str:
    return "/".join(_parts(text)) if of_images else text


def _parts(place: str) -> list[str]:
    """Folders and file of a path, the file without the ending of an image."""
    parts = [part for part in slashed(place).split("/") if part not in ("", ".")]
    if parts and Path(parts[-1]).suffix.lower() in IMAGE_SUFFIXES:
        parts[-1] = parts[-1].rpartition(".")[0]
    return parts


def _image_names(places: Sequence[Sequence[str]]) -> list[list[str]]:
    """What each image may be called, the longest first: its path from any folder on, unless it says too little."""
    files, count = np.unique([parts[-1] if parts else "" for parts in places], return_counts=True)
    repeated = set(files[count > 1].tolist())
    return [
        ["/".join(parts[start:]) for start in range(len(parts)) if start < len(parts) - 1 or parts[-1] not in repeated]
        for parts in places
    ]


def _person_names(places: Sequence[Sequence[str]], pairs: VerificationSet) -> list[list[str]]:
    people: list[int | None] = [None] * len(places) if pairs.identities is None else pairs.identities.tolist()
    return [
        [
            *([] if person is None or person not in pairs.people else [pairs.people[person]]),
            *(parts[-2:-1] if person is None or not pairs.people else []),
            *([] if person is None or pairs.people else [str(person)]),
        ]
        for person, parts in zip(people, places, strict=True)
    ]
