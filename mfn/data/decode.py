"""Encoded images to RGB pixels."""

import cv2
import numpy as np

from mfn.errors import BrokenImageError


def decode_rgb(encoded: bytes | bytearray | memoryview | np.ndarray) -> np.ndarray:
    """Decode a JPEG, PNG, BMP or WebP image; grey, CMYK, palette and transparent ones become RGB.

    OpenCV decodes JPEGs with libjpeg-turbo, bit for bit as Pillow and simplejpeg do, at least as fast as
    any of them from Python. A camera's orientation tag is obeyed.

    Returns:
        uint8 (H, W, 3).

    Raises:
        BrokenImageError: the bytes are no image or break off.
    """
    data = np.frombuffer(encoded, np.uint8)
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    except cv2.error:
        image = None
    if image is None:
        raise BrokenImageError(f"these {data.size} bytes are no whole JPEG, PNG, BMP or WebP image")
    return image
