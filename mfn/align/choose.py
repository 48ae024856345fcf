"""Which face of a photo is meant."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from mfn.errors import ConfigError

SEVERAL = ("skip", "largest", "central")
"""What to do with a photo of several faces."""


class Boxed(Protocol):
    """Something at a place in a photo: a face, or what was made of it."""

    @property
    def box(self) -> NDArray[np.float32]:
        """See `mfn.align.face.Face`."""
        ...


AnyFace = TypeVar("AnyFace", bound=Boxed)


def choose_face(faces: Sequence[AnyFace], size: tuple[int, ...], several: str = "skip") -> AnyFace | None:
    """The face a photo is about.

    Args:
        faces: All that were found in it.
        size: Height and width of the photo.
        several: Of several faces ``"largest"`` takes the one with the largest box, ``"central"`` the one whose box has
            its centre nearest to the photo's; ``"skip"``, the older projects' rule, takes none. Of equal ones the
            first.

    Returns:
        The face, or None where there is none to take.

    Raises:
        ConfigError: Another word for `several`.
    """
    if several not in SEVERAL:
        raise ConfigError(f"align.several must be one of {', '.join(SEVERAL)}, got {several!r}")
    if len(faces) < 2:
        return faces[0] if faces else None
    if several == "skip":
        return None
    if several == "largest":
        return max(faces, key=lambda face: face.box[2:].prod())
    middle = np.array([size[1], size[0]]) / 2
    return min(faces, key=lambda face: np.linalg.norm(face.box[:2] + face.box[2:] / 2 - middle))
