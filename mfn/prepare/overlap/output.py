"""The folder that ``mfn overlap`` writes: two tables, two pictures and the record."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mfn.errors import BrokenImageError
from mfn.files.owned_folder import replacing_folder
from mfn.prepare.overlap.found import RECORD, Overlap, PeopleFound
from mfn.prepare.overlap.sides import Side
from mfn.report.contact_sheet import write_contact_sheet

MAKER = "mfn overlap"
IMAGES, PEOPLE = "images.csv", "people.csv"
IMAGES_SHEET, PEOPLE_SHEET = "images.png", "people.png"
_SHOWN, _OF_EACH, _SIDE = 60, 3, 96
"""Rows of a picture at most, images of each person in one, and how large these are in pixels."""
IMAGES_HEADER = ("benchmark_image", "benchmark_person", "training_image", "training_person", "bits", "likeness",
                 "mirrored")  # fmt: skip
PEOPLE_HEADER = ("benchmark_person", "benchmark_images", "training_person", "training_label", "training_images",
                 "cosine", "near_copies")  # fmt: skip


def write_overlap(output: Path, found: Overlap, filtered: int | None = None) -> None:
    """Writes the folder, in place of an earlier one that nobody changed.

    Args:
        output: The folder.
        found: What there is to tell.
        filtered: Images of the training set without these people, where one was written.

    Raises:
        DataError: There is something that mfn did not write, or it cannot be written.
    """
    with replacing_folder(output, MAKER) as folder:
        write_record(folder, found, filtered)
        _write_table(folder / IMAGES, IMAGES_HEADER, image_rows(found))
        _draw_copies(folder / IMAGES_SHEET, found)
        if found.people is not None:
            _write_table(folder / PEOPLE, PEOPLE_HEADER, people_rows(found, found.people))
            _draw_people(folder / PEOPLE_SHEET, found, found.people)


def write_record(folder: Path, found: Overlap, filtered: int | None) -> None:
    """Writes ``overlap.json``, what a report names later."""
    text = json.dumps(found.record(filtered), indent=1)
    (folder / RECORD).write_text(text, encoding="utf-8")


def image_rows(found: Overlap) -> list[tuple[object, ...]]:
    """A row of `IMAGES_HEADER` for each near copy, the most alike first."""
    copies, training, benchmark = found.copies, found.training, found.benchmark
    return [
        (
            *_of(benchmark, int(copies.images[row])),
            *_of(training, int(copies.rows[row])),
            int(copies.bits[row]),
            f"{copies.likeness[row]:.4f}",
            "yes" if copies.mirrored[row] else "no",
        )
        for row in np.argsort(-copies.likeness, kind="stable").tolist()
    ]


def people_rows(found: Overlap, people: PeopleFound) -> list[tuple[object, ...]]:
    """A row of `PEOPLE_HEADER` for each pair of people who look alike, the most alike first."""
    copies = found.copies
    near = list(zip(found.training.people[copies.rows].tolist(), found.benchmark.people[copies.images].tolist(),
                    strict=True))  # fmt: skip
    rows = []
    for (row, column), cosine in zip(people.alike.pairs.tolist(), people.alike.cosines.tolist(), strict=True):
        mine, theirs = int(people.training.people[row]), int(people.benchmark.people[column])
        rows.append(
            (
                found.benchmark.people_names[theirs],
                int(people.benchmark.images[column]),
                found.training.people_names[mine],
                mine,
                int(people.training.images[row]),
                f"{cosine:.4f}",
                near.count((mine, theirs)),
            )
        )
    return rows


def _of(side: Side, position: int) -> tuple[str, str]:
    return side.names[position], side.people_names[int(side.people[position])]


def _write_table(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="", errors="backslashreplace") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: object) -> object:
    """A spreadsheet takes what begins like this for a formula."""
    return f"./{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@")) else value


def _spread(count: int) -> NDArray[np.int64]:
    """Up to `_SHOWN` places of so many, evenly from the first to the last."""
    return np.unique(np.linspace(0, count - 1, min(count, _SHOWN)).round().astype(np.int64)) if count else np.arange(0)


def _draw_copies(path: Path, found: Overlap) -> None:
    """Two pictures for each near copy, the benchmark's first, three copies in a row."""
    copies = found.copies
    order = np.argsort(-copies.likeness, kind="stable")
    images, captions = [], []
    for row in order[_spread(order.size)].tolist():
        image, training = int(copies.images[row]), int(copies.rows[row])
        images += [_image(found.benchmark, image), _image(found.training, training)]
        told = f"{copies.bits[row]} bits, {copies.likeness[row]:.3f}{', mirrored' if copies.mirrored[row] else ''}"
        captions += [f"{_of(found.benchmark, image)[1]}\n{told}"]
        captions += [f"{found.training.name}\n{_of(found.training, training)[1]}"]
    if images:
        write_contact_sheet(path, images, captions, columns=6, side=_SIDE)


def _draw_people(path: Path, found: Overlap, people: PeopleFound) -> None:
    """Three images of the benchmark's person, then three of the training set's, for two matches in a row."""
    images, captions = [], []
    for place in _spread(people.alike.cosines.size).tolist():
        row, column = people.alike.pairs[place].tolist()
        ends = f"cosine {people.alike.cosines[place]:.3f}", found.training.name
        sides = (found.benchmark, people.benchmark.people[column]), (found.training, people.training.people[row])
        for (side, person), told in zip(sides, ends, strict=True):
            positions = np.flatnonzero(side.people == person)[:_OF_EACH].tolist()
            images += [_image(side, position) for position in positions] + [_PAPER] * (_OF_EACH - len(positions))
            captions += [f"{side.people_names[int(person)]}\n{told}"] + [""] * (_OF_EACH - 1)
    if images:
        write_contact_sheet(path, images, captions, columns=4 * _OF_EACH, side=_SIDE)


_PAPER = np.full((1, 1, 3), 250, np.uint8)


def _image(side: Side, position: int) -> NDArray[np.uint8] | None:
    try:
        return side.source.image(int(position))
    except BrokenImageError:
        return None
