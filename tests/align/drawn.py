"""Photos of synthetic faces, which MTCNN takes for faces too."""

import cv2
import numpy as np

from mfn.synthetic.dataset import SyntheticFaces

FACES = SyntheticFaces(8, 1)
SIDE, MARGIN = 224, 60


def photo(index: int, margin: int = MARGIN) -> np.ndarray:
    """One drawn face of 224 pixels with a border around it."""
    face = cv2.resize(FACES.image(index), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.copyMakeBorder(face, *4 * [margin], cv2.BORDER_REPLICATE), np.uint8)
