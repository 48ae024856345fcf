"""A photo to faces, and a face to the crop that a network takes: the one way, for training sets and for use alike."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mfn.align.detector import Detector
from mfn.align.face import Face
from mfn.align.warp import align_face
from mfn.contract import InputContract
from mfn.errors import DataError


class FaceFinder:
    """A detector, and the crop that a contract wants.

    Args:
        detector: Finds the faces.
        contract: Size and template of the crop.
    """

    def __init__(self, detector: Detector, contract: InputContract) -> None:
        self.detector, self.contract = detector, contract

    def faces(self, photos: Sequence[NDArray[np.uint8]], names: Sequence[str]) -> list[list[Face]]:
        """The faces of each photo, uint8 RGB (H, W, 3); the surest first."""
        return self.detector(photos, names) if photos else []

    def crop(self, photo: NDArray[np.uint8], face: Face) -> NDArray[np.uint8] | None:
        """One face as a crop; None where its landmarks have no extent."""
        try:
            return align_face(photo, face.points, self.contract)
        except DataError:
            return None
