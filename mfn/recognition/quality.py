"""How much a face can be trusted to show who it is, measured on the face itself."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mfn.images.quality import blur

_SHARP, _EYES, _TURNED = 100.0, 35.0, 0.5
"""Where each measure is half of what it can be: variance of the Laplacian; pixels; share of the eyes' distance."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Measures of one face; `overall` is what they come to.

    Attributes:
        eye_distance: Pixels between the eyes in the photo; NaN of a picture that came aligned.
        sharpness: Variance of the Laplacian of the aligned crop, see `mfn.images.quality.blur`.
        turn: How far the nose lies off the middle between the eyes, as a share of their distance, along the line
            through them; 0 from the front, about 0.3 half turned away, more in profile.
        norm: Length of the raw embedding. Networks with a margin give longer ones to clearer faces, which compares
            faces under one network, never two networks.
        score: The detector's, 0 to 1; NaN likewise.
    """

    eye_distance: float
    sharpness: float
    turn: float
    norm: float
    score: float

    @property
    def overall(self) -> float:
        """0 to 1: the product of what size, sharpness, pose and the detector say, as far as they are known."""
        parts = [
            self.eye_distance / (self.eye_distance + _EYES),
            self.sharpness / (self.sharpness + _SHARP),
            1 / (1 + (self.turn / _TURNED) ** 2),
            self.score,
        ]
        return float(np.nanprod(parts))


def measure(crop: NDArray[np.uint8], points: NDArray[np.float32], norm: float, score: float) -> Quality:
    """The quality of a face.

    Args:
        crop: The aligned face, uint8 RGB (H, W, 3).
        points: Its landmarks in the photo, (5, 2), see `mfn.align.face.Face`.
        norm: Length of its raw embedding.
        score: The detector's.
    """
    left, right, nose = np.asarray(points[:3], np.float64)
    eyes = right - left
    distance = float(np.linalg.norm(eyes))
    off = float((nose - (left + right) / 2) @ eyes / max(distance, 1e-6) ** 2)
    came_aligned = np.isnan(score)
    return Quality(float("nan") if came_aligned else distance, blur(crop), abs(off), norm, score)
