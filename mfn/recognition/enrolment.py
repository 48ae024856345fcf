"""Pictures with names into a gallery, but not every picture: a bad one would give its name to strangers later."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mfn.align.choose import choose_face
from mfn.errors import ConfigError
from mfn.inference.embedder import FaceEmbedder
from mfn.inference.quality import quality_of
from mfn.recognition.face_row import FaceRow, person_name
from mfn.recognition.gallery import Gallery, Match
from mfn.recognition.in_parts import in_parts
from mfn.recognition.picture import Picture
from mfn.recognition.pipeline import FacePipeline, Found, Seen
from mfn.recognition.quality import Quality

_AT_ONCE = 64
"""Pictures whose faces go into the file together: what a killed run has to do again."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What a face must have to be enrolled. None asks nothing.

    Attributes:
        eye_distance: Least pixels between the eyes in the photo.
        sharpness: Least variance of the Laplacian of the crop; a crop blurred by 1.5 pixels has about 20.
        turn: Most of `Quality.turn`.
        score: Least score of the detector.
        quality: Least quality, see `mfn.inference.quality.quality_of`; what is usual differs from network to network,
            and `mfn evaluate quality.by=[norm]` tells what it does for one.

    Raises:
        ConfigError: A value that makes no sense.
    """

    eye_distance: float | None = 20.0
    sharpness: float | None = 20.0
    turn: float | None = 0.6
    score: float | None = None
    quality: float | None = None

    def __post_init__(self) -> None:
        for name in ("eye_distance", "sharpness", "turn", "score"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ConfigError(f"the gate's {name} must be 0 or more, got {value}")
        if self.quality is not None and not np.isfinite(self.quality):
            raise ConfigError(f"the gate's quality must be a number, got {self.quality}")

    def refuses(self, quality: Quality, judged: float | None = None) -> str:
        """Why a face is not good enough, in words; "" where it is.

        Args:
            quality: Of the face.
            judged: What a network of quality says of it; None takes the length of the embedding.
        """
        if self.eye_distance is not None and quality.eye_distance < self.eye_distance:
            return f"too small: {quality.eye_distance:.0f} pixels between the eyes, {self.eye_distance:g} wanted"
        if self.sharpness is not None and quality.sharpness < self.sharpness:
            return f"blurred: sharpness {quality.sharpness:.0f}, {self.sharpness:g} wanted"
        if self.turn is not None and quality.turn > self.turn:
            return f"turned away: {quality.turn:.2f}, at most {self.turn:g} wanted"
        if self.score is not None and quality.score < self.score:
            return f"hardly a face: the detector gives {quality.score:.2f}, {self.score:g} wanted"
        value = quality.norm if judged is None else judged
        if self.quality is not None and not value >= self.quality:
            return f"of low quality: {value:.6g}, {self.quality:g} wanted"
        return ""


@dataclass(frozen=True, slots=True)
class Refused:
    """A picture that was not enrolled, and why; `quality` is that of its face, where it was looked at."""

    picture: str
    name: str
    reason: str
    quality: float | None = None


@dataclass(frozen=True, slots=True)
class Alike:
    """Somebody new who is nearly somebody else: two names for one person, or two people the network takes for one.

    Attributes:
        name: Of the one.
        other: Of the other.
        score: Cosine of their means.
    """

    name: str
    other: str
    score: float


@dataclass(frozen=True, slots=True)
class Doubt:
    """A new face that is more like somebody else than like the person whose name it was given.

    Attributes:
        picture: It is from.
        name: It was given.
        other: The person it looks like.
        score: Cosine to that one's mean.
        own: Cosine to the mean of the person it was given to.
    """

    picture: str
    name: str
    other: str
    score: float
    own: float


@dataclass
class Enrolment:
    """What came of it.

    Attributes:
        added: Faces by person.
        known: Faces that were there already.
        refused: Pictures that were not enrolled.
        alike: People who are nearly one.
        doubts: Faces that may have a wrong name.
    """

    added: Counter[str] = field(default_factory=Counter)
    known: int = 0
    refused: list[Refused] = field(default_factory=list)
    alike: list[Alike] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)


def enroll(
    gallery: Gallery,
    pipeline: FacePipeline,
    pictures: Iterable[tuple[str, Picture | Path]],
    *,
    gate: Gate | None = None,
    several: str = "skip",
    keep_crops: bool = False,
    judge: FaceEmbedder | None = None,
    alike: Callable[[Gallery], float | None] = lambda gallery: None,
    told: Callable[[int], None] = lambda count: None,
) -> Enrolment:
    """Enrols pictures, some at a time, so that a killed run has lost little and can be repeated.

    Args:
        gallery: Gets them.
        pipeline: With the gallery's network and flip.
        pictures: Name of the person, and the picture.
        gate: What a face must have; None takes the usual.
        several: Of several faces on a photo: skip | largest | central.
        keep_crops: See `Gallery.enroll`.
        judge: A network of quality for the gate, see `mfn.inference.quality.quality_network`; None takes the length of
            the embedding.
        alike: The cosine from which two people of the filled gallery are so alike that it is told; None tells nothing.
        told: Is told how many more pictures are done.

    Raises:
        DataError: The pipeline's network is not the gallery's.
        ConfigError: Nor is its flip.
    """
    gallery.check(pipeline.embedder, pipeline.flip)
    result, fresh = Enrolment(), list[FaceRow]()
    for part in in_parts(pictures, _AT_ONCE):
        rows = list[FaceRow]()
        for (name, picture), seen in zip(part, pipeline.many(picture for _, picture in part), strict=True):
            if (face := admitted(seen, name, gate or Gate(), several, result, judge)) is not None:
                rows.append(gallery.row(name, face, _source(picture), keep_crops))
        fresh += _added(gallery, rows, result)
        told(len(part))
    if (limit := alike(gallery)) is not None:
        result.alike = people_alike(gallery, list(result.added), limit)
        result.doubts = doubts(gallery, fresh, limit)
    return result


def admitted(
    seen: Seen, name: str, gate: Gate, several: str, result: Enrolment, judge: FaceEmbedder | None = None
) -> Found | None:
    """The face of a picture that goes into a gallery; where there is none, the reason goes to `result`."""
    face = value = None
    if seen.problem:
        reason = seen.problem
    elif not seen.found:
        reason = "no face was found"
    elif seen.pixels is None or (face := choose_face(seen.found, seen.pixels.shape[:2], several)) is None:
        reason = f"{len(seen.found)} faces were found, and nobody said which one is meant"
    else:
        judged = None if judge is None else float(quality_of(judge.raw(face.crop[None]).cpu())[0])
        value = face.quality.norm if judged is None else judged
        reason = gate.refuses(face.quality, judged)
    if reason:
        result.refused.append(Refused(seen.name, person_name(name), reason, value))
    return None if reason else face


def people_alike(gallery: Gallery, names: Sequence[str], alike: float) -> list[Alike]:
    """Those of some people whose means are as near to another's as two faces of one person are; nearest first."""
    found = dict[frozenset[str], Alike]()
    for part in in_parts(names, 1024):
        matches = gallery.identify(gallery.means(part), k=2, by="centroid")
        for name, other in _others(part, matches, alike):
            found[frozenset((name, other.name))] = Alike(name, other.name, other.score)
    return sorted(found.values(), key=lambda pair: -pair.score)


def doubts(gallery: Gallery, rows: Sequence[FaceRow], alike: float) -> list[Doubt]:
    """Those of some faces that are as near to another person as faces of one are, and farther from their own."""
    found = []
    for part in in_parts(rows, 1024):
        vectors = np.stack([row.vector for row in part])
        own = np.einsum("nd,nd->n", vectors, gallery.means([row.name for row in part]))
        matches = gallery.identify(vectors, k=2, by="centroid")
        for row, score, best in zip(part, own.tolist(), matches, strict=True):
            for _, other in _others([row.name], [best], max(alike, score)):
                found.append(Doubt(row.source, row.name, other.name, other.score, score))
    return sorted(found, key=lambda doubt: doubt.own - doubt.score)


def _others(names: Sequence[str], matches: Sequence[Sequence[Match]], alike: float) -> Iterator[tuple[str, Match]]:
    """For each name the best match that has another one, where it is near enough."""
    for name, best in zip(names, matches, strict=True):
        other = next((match for match in best if match.name != name), None)
        if other is not None and other.score >= alike:
            yield name, other


def _source(picture: Picture | Path) -> str:
    """Where a picture is to be found again, from whatever folder."""
    return str(picture.absolute()) if isinstance(picture, Path) else picture.name


def _added(gallery: Gallery, rows: Sequence[FaceRow], result: Enrolment) -> list[FaceRow]:
    """Writes rows, counts them, and gives those that were not there."""
    unique = {(row.name, row.content): row for row in rows}
    there = gallery.hold([(row.name, row.content) for row in unique.values()])
    new = [row for row, known in zip(unique.values(), there, strict=True) if not known]
    gallery.add(list(unique.values()))  # those that are known may get their crops
    result.known += len(rows) - len(new)
    result.added.update(row.name for row in new)
    return new
