"""Variants of an image, as the older projects doubled their small identities with.

Their copies lay on disk and their noise was drawn once; here a variant is a function of (image, draws) that
runs when the image is read. Strengths are those of the older projects' tools (OpenCV, scikit-image's
`random_noise` with its defaults).
"""

from collections.abc import Callable

import cv2
import numpy as np

Variant = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""uint8 (H, W, 3) RGB to the same; the image given is left as it is."""

OPENING_SIDE = 5
GAUSSIAN_SIGMA = 25.5
SALT_PEPPER_SHARE = 0.05


def hsv(image: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """OpenCV's 8-bit HSV (hue 0..179) of `image` as if it were a picture.

    OpenCV writes the channels of an array as blue, green, red, so the picture's red is the value, its green
    the saturation and its blue the hue.
    """
    return np.ascontiguousarray(cv2.cvtColor(image, cv2.COLOR_RGB2HSV)[..., ::-1])


def opening(image: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """The morphological opening by a 5x5 square: bright details smaller than it go away."""
    return cv2.morphologyEx(image, cv2.MORPH_OPEN, np.ones((OPENING_SIDE, OPENING_SIDE), np.uint8))


def gaussian(image: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """`image` with white noise of standard deviation 25.5 (a tenth of the range) on every value."""
    noise = draws.standard_normal(image.shape, np.float32)
    return np.clip(image + np.float32(GAUSSIAN_SIGMA) * noise, 0, 255).astype(np.uint8)


def salt_pepper(image: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """`image` with 5 % of its values, channel by channel, set to 0 or 255 with equal chances."""
    drawn = draws.random(image.shape, np.float32)
    noisy = image.copy()
    noisy[drawn < SALT_PEPPER_SHARE] = 255
    noisy[drawn < SALT_PEPPER_SHARE / 2] = 0
    return noisy


VARIANTS: dict[str, Variant] = {
    "hsv": hsv,
    "opening": opening,
    "gaussian": gaussian,
    "salt_pepper": salt_pepper,
}


def variant_draws(seed: int, epoch: int, position: int) -> np.random.Generator:
    """The random numbers of one image in one epoch, whatever is read before it or beside it.

    The third word of the counter keeps them apart from the augmentation's, which has 0 there.
    """
    return np.random.Generator(np.random.Philox(key=[seed, epoch], counter=[0, 0, 1, position]))
