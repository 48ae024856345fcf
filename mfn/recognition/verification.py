"""Whether two photos show one person."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mfn.align.choose import choose_face
from mfn.metrics.scores import cosine
from mfn.recognition.picture import Picture
from mfn.recognition.pipeline import FacePipeline, Found, Seen
from mfn.recognition.thresholds import answer

UNDECIDED = "no answer"
"""For pairs of which a face is missing: that is never a different person."""


@dataclass(frozen=True, eq=False, slots=True)
class Shown:
    """The face that a photo is about.

    Attributes:
        seen: The photo with all its faces.
        face: The one; None where there is none.
        problem: Why there is none, in a sentence.
    """

    seen: Seen
    face: Found | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Compared:
    """Two photos.

    Attributes:
        first: Name of the one.
        second: Name of the other.
        similarity: Cosine of the two faces, -1 to 1; None where one is missing.
        answer: same | different | not sure | no answer.
        problem: Why there is no answer, in a sentence.
    """

    first: str
    second: str
    similarity: float | None
    answer: str
    problem: str = ""


def shown(seen: Seen, several: str = "largest") -> Shown:
    """The face that a photo is about, of several the one that `choose_face` says."""
    if seen.problem or seen.pixels is None:
        return Shown(seen, None, seen.problem or f"{seen.name} could not be read")
    if not seen.found:
        return Shown(seen, None, f"{seen.name}: no face was found")
    face = choose_face(seen.found, seen.pixels.shape[:2], several)
    problem = "" if face else f"{seen.name}: {len(seen.found)} faces were found, and nobody said which one is meant"
    return Shown(seen, face, problem)


def compared(first: Shown, second: Shown, threshold: float, band: float = 0.0) -> Compared:
    """Two photos to an answer; within `band` of the threshold it is "not sure"."""
    names = first.seen.name, second.seen.name
    if first.face is None or second.face is None:
        return Compared(*names, None, UNDECIDED, "; ".join(filter(None, [first.problem, second.problem])))
    similarity = float(cosine(first.face.embedding[None], second.face.embedding[None])[0])
    return Compared(*names, similarity, answer(similarity, threshold, band))


def compared_pairs(
    pipeline: FacePipeline,
    pairs: Sequence[tuple[str, str]],
    threshold: float,
    *,
    band: float = 0.0,
    several: str = "largest",
    opened: Callable[[Sequence[str]], Iterable[Picture | Path | str]] = lambda files: files,
    told: Callable[[Iterable[Seen]], Iterable[Seen]] = lambda seen: seen,
) -> Iterator[Compared]:
    """Pairs of picture files; each file is opened and looked at once, and only its face is kept."""
    files = list(dict.fromkeys(file for pair in pairs for file in pair))
    faces = dict[str, Shown]()
    for file, seen in zip(files, told(pipeline.many(opened(files))), strict=True):
        about = shown(seen, several)
        faces[file] = Shown(Seen(file, [], problem=seen.problem), about.face, about.problem)
    for first, second in pairs:
        yield compared(faces[first], faces[second], threshold, band)
