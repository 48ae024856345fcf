"""Lists of faces as MegaFace's devkit and InsightFace's test pack have them: JSON, or a path on each line."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from mfn.errors import DataError
from mfn.files.lines import fields, numbered_lines, read_text, slashed
from mfn.images.files import IMAGE_SUFFIXES


@dataclass(frozen=True, slots=True)
class FaceList:
    """A list.

    Attributes:
        file: Its name, for messages.
        images: The person on each image, "" where the list does not say.
    """

    file: str
    images: Mapping[str, str]

    def only(self, images: Iterable[str]) -> "FaceList":
        """The list of some of its images."""
        return FaceList(self.file, {image: self.images[image] for image in images})

    def without(self, noise: Collection[str], parts: int, notes: list[str]) -> "FaceList":
        """The list without the images that a list of noise names, which a note counts."""
        kept = self.only(image for image in self.images if noise_key(image, parts) not in noise)
        if out := len(self.images) - len(kept.images):
            notes.append(f"{out:,} of {len(self.images):,} images of {self.file} are noise: left out")
        return kept


def read_face_list(path: Path, notes: list[str], people: bool = False) -> FaceList:
    """Reads `{"path": [...], "id": [...]}`, of which `id` may be left out, or a path on each line.

    Args:
        path: The list.
        notes: Gets a note where images are listed twice.
        people: Whether persons are needed; where the list tells none, an image's folder is the person.

    Raises:
        DataError: The list is empty or another, or gives an image to two persons.
    """
    text = read_text(path)
    rows = _json_rows(path, text) if text.lstrip().startswith("{") else _line_rows(path)
    if not rows:
        raise DataError(f"{path} names no images")
    shown: dict[str, str] = {}
    for image, told in rows:
        person = told or (PurePosixPath(image).parent.name if people else "")
        if people and not person:
            raise DataError(f"{path} does not say who {image} shows: give an id, or name it PERSON/{image}")
        if shown.setdefault(image, person) != person:
            raise DataError(f"{path} gives {image} to two persons, {shown[image]} and {person}")
    if len(shown) < len(rows):
        notes.append(f"{path.name} lists {len(rows) - len(shown):,} images twice: each counts once")
    return FaceList(path.name, shown)


def read_noises(path: Path | None, parts: int) -> set[str]:
    """The images that a list of noise names, a path on each line, behind a tab or not; lines with # say nothing.

    Args:
        path: The list; None: there is none.
        parts: How much of a path tells an image, from its end.
    """
    lines = [] if path is None else [line for _, line in numbered_lines(path) if not line.startswith("#")]
    return {noise_key(slashed(line.split("\t")[-1]), parts) for line in lines}


def noise_key(image: str, parts: int) -> str:
    """What tells an image in a list of noise: the last parts of its path, without ending, case and blanks."""
    path = PurePosixPath(image)
    stem = path.stem if path.suffix.lower() in IMAGE_SUFFIXES else path.name
    return "/".join((*path.parts[-parts:-1], stem)).casefold().replace(" ", "_")


def _json_rows(path: Path, text: str) -> list[tuple[str, str]]:
    try:
        content: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON ({str(error)[:60]}): get the file again") from None
    images, people = content.get("path"), content.get("id")
    if not isinstance(images, list) or not all(isinstance(image, str) and image for image in images):
        raise DataError(f'{path} should hold {{"path": [...], "id": [...]}}, and its path is no list of names')
    if people is None:
        people = [""] * len(images)
    if not isinstance(people, list) or len(people) != len(images):
        raise DataError(f"{path} should have an id for each of its {len(images)} paths")
    return [(slashed(image), str(person)) for image, person in zip(images, people, strict=True)]


def _line_rows(path: Path) -> list[tuple[str, str]]:
    rows = []
    for number, line in numbered_lines(path):
        names = [slashed(field) for field in (fields(line) if "\t" in line else [line])]
        image = next((name for name in names if PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES), None)
        if image is None:
            raise DataError(f"{path} line {number} is {line[:60]!r}, which names no image")
        rows.append((image, ""))
    return rows
