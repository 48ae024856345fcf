"""What finds faces."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mfn.align.face import Face


class Detector(Protocol):
    """Finds the faces in photos."""

    def __call__(self, images: Sequence[NDArray[np.uint8]], names: Sequence[str]) -> list[list[Face]]:
        """Finds the faces of each photo.

        What is found in a photo is a function of that photo (and of its name, for landmarks that come from a file),
        not of the others it comes with.

        Args:
            images: Photos of any sizes, each uint8 RGB (H, W, 3).
            names: Path of each photo relative to the root of its data set.

        Returns:
            For each photo its faces, the surest first; an empty list where there is none.
        """
        ...
