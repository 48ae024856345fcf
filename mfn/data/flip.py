"""Mirroring, the one augmentation of the default path, without another library."""

import random

import cv2
import numpy as np


class HorizontalFlip:
    """Mirrors an image; called and seeded as albumentations' own, from which it draws the same numbers.

    Args:
        p: Probability of it.

    Attributes:
        mirrored: Whether it did so at the last call.
    """

    mirrored = False

    def __init__(self, p: float = 0.5) -> None:
        self.p = p
        self._draws: random.Random = random.Random()

    def set_random_state(self, generator: np.random.Generator, draws: random.Random) -> None:
        """Takes the source of random numbers; only Python's is used."""
        self._draws = draws

    def __call__(self, *, image: np.ndarray) -> dict[str, np.ndarray]:
        """The image, uint8 (H, W, 3), or its mirror image, as ``{"image": ...}``."""
        self.mirrored = self.p > 0 and (self.p >= 1 or self._draws.random() < self.p)
        return {"image": cv2.flip(image, 1) if self.mirrored else image}
