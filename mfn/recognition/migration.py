"""A gallery from one network to another: every face embedded anew, names kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mfn.contract import InputContract
from mfn.errors import BrokenImageError
from mfn.images.decode import decode_rgb
from mfn.recognition.face_row import BOX, FaceRow, face_row
from mfn.recognition.gallery import Gallery
from mfn.recognition.in_parts import in_parts
from mfn.recognition.picture import Aligned, Photo, Picture, pixels_of
from mfn.recognition.pipeline import FacePipeline, Found

_AT_ONCE = 64
_SAME_PLACE = 0.3
"""Share of the union of two boxes from which they are of one face, whoever found it."""


@dataclass
class Migration:
    """What came of it.

    Attributes:
        of: Name and content of each face that was there.
        rows: The faces under the new network.
        lost: Name, source and reason of each face that could not be embedded anew.
    """

    of: list[tuple[str, bytes]] = field(default_factory=list)
    rows: list[FaceRow] = field(default_factory=list)
    lost: list[tuple[str, str, str]] = field(default_factory=list)


def embedded_anew(
    gallery: Gallery,
    pipeline: FacePipeline,
    *,
    photos: Path | None = None,
    told: Callable[[int], None] = lambda count: None,
) -> Migration:
    """Every face of a gallery under the network of a pipeline; the gallery itself stays as it is.

    A kept crop serves where both networks take crops of one kind. Otherwise the photo is looked for where it was, or
    below `photos`, and the face in it that is where the enrolled one was.

    Args:
        gallery: Opened without a network.
        pipeline: With the new one.
        photos: Folder that the photos have moved to.
        told: Is told how many more faces are done.
    """
    result = Migration()
    crops_serve = not _crop_differences(gallery.contract, pipeline.embedder.contract)
    faces = gallery.faces()
    result.of = [(face.name, face.content) for face in faces]
    for part in in_parts(faces, _AT_ONCE):
        kept = [(row, _picture(row, crops_serve, photos)) for row in part]
        result.lost += [(row.name, row.source, picture) for row, picture in kept if isinstance(picture, str)]
        usable = [(row, picture) for row, picture in kept if not isinstance(picture, str)]
        looked = pipeline.many(picture for _, picture in usable)
        for (row, picture), seen in zip(usable, looked, strict=True):
            face = seen.found[0] if isinstance(picture, Aligned) else _face_at(seen.found, row)
            if face is None:
                result.lost.append((row.name, row.source, "the photo does not show the face where it was"))
            else:
                result.rows.append(_row_anew(row, face, pipeline))
        told(len(part))
    return result


def _row_anew(old: FaceRow, face: Found, pipeline: FacePipeline) -> FaceRow:
    """What will be stored of an enrolled face under the network of a pipeline."""
    dim = pipeline.embedder.contract.embedding_dim * (2 if pipeline.flip == "concat" else 1)
    row = face_row(old.name, face, dim, old.source, old.crop is not None)
    if "score" in row.quality or not set(BOX) <= set(old.quality):
        return row
    # A crop does not tell what the photo did
    return replace(row, quality={**old.quality, "norm": row.quality["norm"]})


def _crop_differences(one: InputContract, two: InputContract) -> bool:
    return (one.height, one.width, one.template) != (two.height, two.width, two.template)


def _picture(row: FaceRow, crops_serve: bool, photos: Path | None) -> Picture | str:
    """What there is to embed, or why there is nothing."""
    if row.crop is not None and crops_serve:
        return Aligned(decode_rgb(row.crop), row.source)
    for place in _places(row.source, photos):
        try:
            return Photo(pixels_of(place.read_bytes(), row.source), row.source)
        except OSError:
            continue
        except BrokenImageError as error:
            return str(error)
    return "no crop was kept that serves, and its photo is gone"


def _places(source: str, photos: Path | None) -> list[Path]:
    """Where a photo may be: as it was, or in another folder with as much of its path as is there."""
    if not source:
        return []
    path = Path(source)
    if photos is None:
        return [path]
    parts = path.parts
    return [photos.joinpath(*parts[start:]) for start in range(1 if path.is_absolute() else 0, len(parts))]


def _face_at(found: Sequence[Found], row: FaceRow) -> Found | None:
    """The face whose box is most like the enrolled one's; the only one where the place is not known."""
    if any(name not in row.quality for name in BOX):
        return found[0] if len(found) == 1 else None
    box = np.array([row.quality[name] for name in BOX])
    overlaps = [_overlap(box, face.box) for face in found]
    best = int(np.argmax(overlaps)) if overlaps else -1
    return found[best] if overlaps and overlaps[best] >= _SAME_PLACE else None


def _overlap(one: NDArray[np.float64], two: NDArray[np.float32]) -> float:
    """Share of the union of two boxes (x, y, width, height) that is in both."""
    corner = np.maximum(one[:2], two[:2])
    end = np.minimum(one[:2] + one[2:], two[:2] + two[2:])
    both = float(np.prod(np.maximum(0, end - corner)))
    return both / max(float(one[2:].prod() + two[2:].prod()) - both, 1e-9)
