"""Which face of a photo is meant, and what to cut out where none was found."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mfn.align.face import Face
from mfn.contract import InputContract
from mfn.errors import ConfigError

SEVERAL = ("skip", "largest", "central")
"""What to do with a photo of several faces."""


def choose_face(faces: Sequence[Face], size: tuple[int, int], several: str = "skip") -> Face | None:
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


def centre_crop(image: NDArray[np.uint8], contract: InputContract) -> NDArray[np.uint8]:
    """The largest middle part of a photo in the shape of the crop, at its size: a guess where no face was found.

    Args:
        image: uint8 (H, W, 3).
        contract: Says the size.

    Returns:
        uint8 (contract.height, contract.width, 3).
    """
    scale = min(image.shape[0] / contract.height, image.shape[1] / contract.width)
    height, width = max(1, round(contract.height * scale)), max(1, round(contract.width * scale))
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    part = image[top : top + height, left : left + width]
    how = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, (contract.width, contract.height), interpolation=how), np.uint8)
