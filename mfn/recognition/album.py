"""The faces of a folder of photos, and what becomes of them once they are grouped by person."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mfn.recognition.clustering import Told, grouped
from mfn.recognition.enrolment import Gate
from mfn.recognition.face_row import content_of
from mfn.recognition.picture import pictures_of
from mfn.recognition.pipeline import FacePipeline, Found

_JPEG_QUALITY = 90
POOR = Gate(eye_distance=10.0, sharpness=20.0, turn=None)
"""What a face must have to be grouped: blurred ones are like one another, whoever is on them."""


@dataclass(frozen=True, slots=True)
class AlbumFace:
    """A face of a photo.

    Attributes:
        photo: Path below the folder, with forward slashes.
        number: Of the face in its photo, 1 for the one the detector is surest of.
        box: x and y of the upper left corner, width and height, in pixels of the photo.
        content: A hash of the aligned crop: that of an exact copy of the photo is the same.
        jpeg: The aligned crop.
        poor: Why it shows too little to be grouped; "" where it shows enough.
    """

    photo: str
    number: int
    box: tuple[float, float, float, float]
    content: bytes
    jpeg: bytes
    poor: str = ""


@dataclass
class Album:
    """What was found in a folder.

    Attributes:
        faces: All of them.
        embeddings: One for each face, float32 (D,) of unit length.
        photos: How many files were looked at.
        empty: Photos without a face.
        broken: Photos that cannot be read, with the reason.
    """

    faces: list[AlbumFace] = field(default_factory=list)
    embeddings: list[NDArray[np.float32]] = field(default_factory=list)
    photos: int = 0
    empty: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """Faces of one person.

    Attributes:
        number: 1 for the largest group.
        faces: Their numbers in the album, the most typical first.
        scores: Cosine of each to the others of the group, on average.
        photos: On how many photos they are, exact copies counted once.
    """

    number: int
    faces: list[int]
    scores: list[float]
    photos: int


@dataclass(frozen=True, slots=True)
class Grouping:
    """An album by person.

    Attributes:
        groups: Of enough photos, the largest first.
        others: Faces that are in none of them, by photo.
    """

    groups: list[Group]
    others: list[int]


def look_through(
    pipeline: FacePipeline, root: Path, names: Sequence[str], *, aligned: bool, told: Told = lambda number: None
) -> Album:
    """Finds and embeds the faces of photos.

    Args:
        pipeline: With a detector, unless the pictures are crops.
        root: The folder.
        names: Paths below it, with forward slashes.
        aligned: The pictures are crops of one face.
        told: Called with 1 for each picture.
    """
    album = Album()
    pictures = pictures_of((root / name for name in names), aligned)
    for name, seen in zip(names, pipeline.many(pictures), strict=True):
        if seen.problem:
            album.broken[name] = seen.problem
        elif not seen.found:
            album.empty.append(name)
        for number, found in enumerate(seen.found, start=1):
            album.faces.append(_face(name, number, found))
            album.embeddings.append(found.embedding)
        album.photos += 1
        told(1)
    return album


def _face(photo: str, number: int, found: Found) -> AlbumFace:
    x, y, width, height = (round(float(value), 1) for value in found.box)
    quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    jpeg = cv2.imencode(".jpg", cv2.cvtColor(found.crop, cv2.COLOR_RGB2BGR), quality)[1].tobytes()
    return AlbumFace(photo, number, (x, y, width, height), content_of(found.crop), jpeg, POOR.refuses(found.quality))


def by_person(
    album: Album,
    threshold: float,
    *,
    min_photos: int = 2,
    poor: bool = False,
    told: Callable[[int], object] = lambda number: None,
) -> Grouping:
    """Groups the faces of an album, see `mfn.recognition.clustering.grouped`.

    Args:
        album: The faces.
        threshold: Cosine of their means from which two groups are one person.
        poor: Also group faces that show too little.
        min_photos: A person of fewer photos, exact copies counted once, makes no group.
        told: Called with how many more faces were compared.
    """
    clear = [row for row, face in enumerate(album.faces) if poor or not face.poor]
    others = sorted(set(range(len(album.faces))) - set(clear))
    if not clear:
        return Grouping([], others)
    embeddings = np.stack(album.embeddings)
    group_of = grouped(embeddings[clear], [album.faces[row].photo for row in clear], threshold, told)

    def place(row: int) -> tuple[str, int]:
        return album.faces[row].photo, album.faces[row].number

    rows_of: list[list[int]] = [[] for _ in range(int(group_of.max()) + 1)]
    for row, number in zip(clear, group_of.tolist(), strict=True):
        rows_of[number].append(row)
    groups = []
    for rows in rows_of:
        photos = len({album.faces[row].content for row in rows})
        if photos < max(2, min_photos):
            others += rows
        else:
            groups.append((photos, *_typical_first(album, embeddings, rows)))
    groups.sort(key=lambda group: (-group[0], min(map(place, group[1]))))
    numbered = [Group(number, faces, scores, photos) for number, (photos, faces, scores) in enumerate(groups, start=1)]
    return Grouping(numbered, sorted(others, key=place))


def _typical_first(album: Album, embeddings: NDArray[np.float32], rows: Sequence[int]) -> tuple[list[int], list[float]]:
    own = embeddings[list(rows)].astype(np.float64)
    total = own.sum(0)
    scores = ((own @ total) - (own * own).sum(1)) / (len(rows) - 1)
    order = sorted(range(len(rows)), key=lambda at: (-round(float(scores[at]), 6), album.faces[rows[at]].photo))
    return [rows[at] for at in order], [round(float(scores[at]), 4) for at in order]


def rows_of(album: Album, grouping: Grouping) -> list[dict[str, Any]]:
    """A row for each face: its photo, its number there, its box, its group ("" for none) and its score there."""
    placed = [
        (row, group.number, score)
        for group in grouping.groups
        for row, score in zip(group.faces, group.scores, strict=True)
    ]
    rows = []
    for row, number, score in [*placed, *((row, None, None) for row in grouping.others)]:
        face = album.faces[row]
        box = dict(zip(("x", "y", "width", "height"), face.box, strict=True))
        rows.append(
            {"photo": face.photo, "face": face.number, **box, "group": number, "score": score, "poor": face.poor}
        )
    return rows
