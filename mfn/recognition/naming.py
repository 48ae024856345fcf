"""Faces to names, or to nobody."""

from collections.abc import Sequence
from dataclasses import dataclass

from mfn.recognition.gallery import Gallery, Match
from mfn.recognition.pipeline import Found
from mfn.recognition.thresholds import NOT_SURE, SAME, answer

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Named:
    """Whom a face shows.

    Attributes:
        name: Of the person; `UNKNOWN` below the threshold, "not sure" within the band around it.
        is_known: Whether the name is somebody's.
        score: Cosine to the best match; None where the gallery is empty.
        matches: The people it is most like, best first.
    """

    name: str
    is_known: bool
    score: float | None
    matches: tuple[Match, ...]


def named(
    gallery: Gallery,
    faces: Sequence[Found],
    threshold: float,
    *,
    k: int = 3,
    by: str = "centroid",
    search: str = "auto",
    band: float = 0.0,
) -> list[Named]:
    """A name for each face.

    Args:
        gallery: The people.
        faces: Of one photo or of many.
        threshold: Cosine from which a face is somebody's; see `mfn.recognition.thresholds.threshold_of_gallery`.
        k: How many people to tell for each.
        by: See `Gallery.identify`.
        search: See `Gallery.identify`.
        band: Cosines this near to the threshold are not sure.
    """
    return [name_of(matches, threshold, band) for matches in gallery.identify(faces, k=k, by=by, search=search)]


def name_of(matches: Sequence[Match], threshold: float, band: float = 0.0) -> Named:
    """The name that the matches of one face come to."""
    if not matches:
        return Named(UNKNOWN, False, None, ())
    best = matches[0]
    said = answer(best.score, threshold, band)
    name = {SAME: best.name, NOT_SURE: NOT_SURE}.get(said, UNKNOWN)
    return Named(name, said == SAME, best.score, tuple(matches))
