"""A photo at many sizes, so that a network for faces of one size finds faces of all."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mfn.align.boxes import Floats

CELL, _STRIDE = 12, 2
"""MTCNN's P-Net looks at windows of 12x12 pixels, two pixels apart."""


def pyramid(
    images: Sequence[NDArray[np.uint8]], scale: float, factor: float
) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Photos of one size at ever smaller scales, down to where one window covers their shorter side.

    Args:
        images: uint8 (H, W, 3), all of one size.
        scale: Of the first pictures.
        factor: Of each scale to the one before.

    Yields:
        The scale and the pictures, uint8 (N, h, w, 3).
    """
    height, width = images[0].shape[:2]
    pictures = list(images)
    while min(height, width) * scale >= CELL:
        size = int(width * scale + 1), int(height * scale + 1)
        pictures = [cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in pictures]
        yield scale, np.stack(pictures).astype(np.uint8, copy=False)
        scale *= factor


def windows(offsets: Floats, scores: Floats, scale: float, threshold: float) -> Floats:
    """The windows of one picture that may show a face.

    Args:
        offsets: What P-Net says of the edges of each window, (4, rows, columns).
        scores: How likely each is a face, (rows, columns).
        scale: Of the picture to the photo.
        threshold: Least score.

    Returns:
        float32 (K, 9): box (x1, y1, x2, y2) in pixels of the photo, score, offsets of the four edges.
    """
    y, x = np.nonzero(scores >= threshold)
    corner = np.stack([x, y], axis=1) * _STRIDE
    # The authors' code counts pixels from 1 before it divides by the scale; the networks after it expect that
    box = np.concatenate([np.floor((corner + 1) / scale) - 1, np.floor((corner + CELL) / scale)], axis=1)
    return np.concatenate([box, scores[y, x, None], offsets[:, y, x].T], axis=1).astype(np.float32)
