"""Whether a photo gives the face that is wanted, and if not why."""

from collections.abc import Sequence

from mfn.align.choose import choose_face
from mfn.align.face import Face
from mfn.align.similarity import similarity_transform
from mfn.errors import DataError

BROKEN, NO_FACE, SEVERAL, DEGENERATE = "broken", "no face", "several faces", "landmarks without extent"
TOO_SMALL = "face too small"


def acquired(
    faces: Sequence[Face], size: tuple[int, ...], several: str, min_face: float = 0
) -> tuple[Face | None, str]:
    """The face a photo is about.

    Args:
        faces: All that were found in it.
        size: Height and width of the photo.
        several: Of several faces, see `mfn.align.choose.choose_face`.
        min_face: Shorter side in pixels that its box must have.

    Returns:
        The face, and "" or why it cannot be taken: there is none, there are several, its landmarks lie in one place,
        or it is too small.
    """
    face = choose_face(faces, size, several)
    if face is None:
        return None, SEVERAL if faces else NO_FACE
    try:
        similarity_transform(face.points, face.points)
    except DataError:
        return face, DEGENERATE
    return face, TOO_SMALL if face.box[2:].min() < min_face else ""
