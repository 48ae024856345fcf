"""Names for groups, and the faces of named groups into a gallery."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from mfn.errors import BrokenImageError, DataError
from mfn.files.lines import table, whole_number
from mfn.files.ownership import json_at
from mfn.recognition.clustering import Told
from mfn.recognition.enrolment import Enrolment, Gate, Refused
from mfn.recognition.face_row import person_name
from mfn.recognition.gallery import Gallery
from mfn.recognition.picture import Aligned, Picture, read_pixels
from mfn.recognition.pipeline import FacePipeline, Found
from mfn.text import printable

CLUSTERS, NAMES = "clusters.json", "names.csv"
NAMES_HEADER = "group,name"
_SAME_FACE = 0.5
"""Overlap of two boxes, intersection over union, from which they are one face."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Placed:
    """A face of a group: which photo, below the folder, and where in it."""

    photo: str
    box: Box


@dataclass(frozen=True, slots=True)
class Clusters:
    """What an earlier run found.

    Attributes:
        folder: Of the photos.
        aligned: They are crops.
        detector: That found the faces, as it was typed.
        groups: Faces of each group.
    """

    folder: Path
    aligned: bool
    detector: str
    groups: Mapping[int, Sequence[Placed]]


def read_clusters(path: Path) -> Clusters:
    """Reads a ``clusters.json``.

    Raises:
        DataError: It is missing, or none of `mfn cluster`.
    """
    content = json_at(path)
    try:
        groups = {int(group["group"]): [_placed(face) for face in group["faces"]] for group in content["groups"]}
        found = Clusters(Path(content["folder"]), bool(content["aligned"]), str(content["detector"]), groups)
    except (TypeError, KeyError, ValueError) as error:
        raise DataError(
            f"{path} is no {CLUSTERS} of `mfn cluster`: {NAMES} is read beside the {CLUSTERS} that came with it"
        ) from error
    return found


def _placed(face: Any) -> Placed:
    photo = PurePosixPath(face["photo"])
    if photo.is_absolute() or ".." in photo.parts:
        raise ValueError(photo)
    x, y, width, height = (float(face[key]) for key in ("x", "y", "width", "height"))
    return Placed(str(face["photo"]), (x, y, width, height))


def read_names(path: Path, groups: Mapping[int, object]) -> dict[int, str]:
    """Names by group, without groups that got none.

    Raises:
        DataError: It cannot be read, a line is none, a group does not exist or is named twice, or none has a name.
    """
    names: dict[int, str] = {}
    for row, (line, columns) in enumerate(table(path)):
        number = whole_number(columns[0]) if columns else None
        if number is None and row == 0:
            continue
        where = f"{path}, line {line}"
        if number is None or len(columns) > 2:
            shown = printable(", ".join(columns))
            raise DataError(
                f'{where}: expected the number of a group and a name, got {shown}; write "A, B" for a comma'
            )
        if number not in groups:
            raise DataError(f"{where}: there is no group {number} in the {CLUSTERS} beside it")
        name = unicodedata.normalize("NFC", columns[1].strip()) if len(columns) == 2 else ""
        if not name:
            continue
        if names.get(number, name) != name:
            raise DataError(f"{where}: group {number} has a name already, {printable(names[number])}")
        names[number] = person_name(name)
    if not names:
        raise DataError(f"{path} names nobody: write a name behind the comma of a group's line")
    return names


def twice_on_a_photo(clusters: Clusters, names: Mapping[int, str]) -> list[tuple[str, str]]:
    """Photos on which one name stands for two faces, since two groups got it: photo and name."""
    seen, twice = set[tuple[str, str]](), []
    for number, name in names.items():
        here = {(face.photo, name) for face in clusters.groups[number]}
        twice += sorted(here & seen)
        seen |= here
    return twice


def enroll_groups(
    gallery: Gallery,
    pipeline: FacePipeline,
    clusters: Clusters,
    names: Mapping[int, str],
    *,
    root: Path,
    gate: Gate | None = None,
    keep_crops: bool = False,
    told: Told = lambda number: None,
) -> Enrolment:
    """Enrols the faces of named groups, from the photos themselves.

    Args:
        gallery: Gets them.
        pipeline: With the gallery's network and flip, and the detector that found the groups.
        clusters: The groups.
        names: Of some of them.
        root: Folder of the photos.
        gate: What a face must have; None takes the usual.
        keep_crops: See `Gallery.enroll`.
        told: Called with 1 for each photo.
    """
    wanted: dict[str, list[tuple[Box, str]]] = {}
    for number, name in names.items():
        for face in clusters.groups[number]:
            wanted.setdefault(face.photo, []).append((face.box, name))
    result, photos = Enrolment(), sorted(wanted)
    for photo, seen in zip(
        photos, pipeline.many(_picture(root, photo, clusters.aligned) for photo in photos), strict=True
    ):
        left = list(seen.found)
        for box, name in wanted[photo]:
            face = max(left, key=lambda found: overlap(box, found), default=None)
            if face is None or overlap(box, face) < _SAME_FACE:
                reason = seen.problem or "its face is not found any more: choose the detector that found it"
            elif not (reason := (gate or Gate()).refuses(face.quality)):
                left.remove(face)
                new = gallery.enroll(name, face, source=seen.name, keep_crops=keep_crops)
                result.added[name] += new
                result.known += 1 - new
            if reason:
                result.refused.append(Refused(printable(photo), name, reason))
        told(1)
    return result


def _picture(root: Path, photo: str, aligned: bool) -> Picture | Path:
    path = root / photo
    try:
        return Aligned(read_pixels(path), printable(str(path))) if aligned else path
    except BrokenImageError:
        return path  # the pipeline says so


def overlap(box: Box, found: Found) -> float:
    """Intersection over union of a box and the one of a face."""
    x, y, width, height = (float(value) for value in found.box)
    across = max(0.0, min(box[0] + box[2], x + width) - max(box[0], x))
    down = max(0.0, min(box[1] + box[3], y + height) - max(box[1], y))
    both = across * down
    return both / max(box[2] * box[3] + width * height - both, 1e-9)
