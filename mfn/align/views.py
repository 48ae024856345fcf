"""A photo seen in another way, and the way back for what is found in it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mfn.align.face import Face

Pixels = NDArray[np.uint8]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class View:
    """Another way to see a photo.

    Attributes:
        see: The photo, uint8 RGB (H, W, 3), as it is seen: a picture of the same kind, of any size.
        back: Of the height and width of the photo: the matrix (2, 3) that maps (x, y, 1) of the picture to (x, y) of
            the photo. It turns by quarters and moves; nothing is scaled.
    """

    see: Callable[[Pixels], Pixels]
    back: Callable[[int, int], Matrix]


def padded(share: float) -> View:
    """The photo with a black border on each side.

    Detectors look for a whole head: a face that fills its photo, as those cut out by somebody else do, is found once
    there is room about it.

    Args:
        share: Width of the border, of the photo's longer side.
    """

    def see(photo: Pixels) -> Pixels:
        border = _border(*photo.shape[:2])
        return np.pad(photo, ((border, border), (border, border), (0, 0)))

    def _border(height: int, width: int) -> int:
        return max(1, round(share * max(height, width)))

    def back(height: int, width: int) -> Matrix:
        border = _border(height, width)
        return np.array([[1.0, 0, -border], [0, 1, -border]])

    return View(see, back)


def turned(quarters: int) -> View:
    """The photo turned counter-clockwise by 0 to 3 quarters."""

    def see(photo: Pixels) -> Pixels:
        return np.ascontiguousarray(np.rot90(photo, quarters))

    def back(height: int, width: int) -> Matrix:
        right, low = width - 1.0, height - 1.0
        ways = (
            [[1.0, 0, 0], [0, 1, 0]],
            [[0, -1, right], [1, 0, 0]],
            [[-1, 0, right], [0, -1, low]],
            [[0, 1, 0], [-1, 0, low]],
        )
        return np.array(ways[quarters % 4], np.float64)

    return View(see, back)


AS_IT_IS = turned(0)
"""The photo itself."""


def brought_back(face: Face, matrix: Matrix) -> Face:
    """A face that was found in a view, where it lies in the photo; its points stay in their order.

    Args:
        face: As found.
        matrix: See `View.back`.
    """
    first, last = face.box[:2], face.box[:2] + face.box[2:] - 1  # the box's first and last pixel
    corners = np.stack([first, last]) @ matrix[:, :2].T + matrix[:, 2]
    low, high = corners.min(axis=0), corners.max(axis=0)
    points = face.points @ matrix[:, :2].T + matrix[:, 2]
    box = np.concatenate([low, high - low + 1])
    return replace(face, box=box.astype(np.float32), points=points.astype(np.float32))
