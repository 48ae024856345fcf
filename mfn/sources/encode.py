"""Images as encoded bytes: the original ones wherever a source still has them."""

import cv2
import numpy as np

from mfn.images.formats import format_of
from mfn.sources.source import ImageSource, is_encoded


def encoded(source: ImageSource, index: int) -> bytes:
    """Image `index` of a source as it is stored, or as a PNG where it is not stored encoded.

    Raises:
        BrokenImageError: It cannot be read.
    """
    return source.encoded(index) if is_encoded(source) else png(source.image(index))


def png(image: np.ndarray) -> bytes:
    """Encodes an image, uint8 (H, W, 3) RGB, without loss."""
    return cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()


def suffix_of(data: bytes) -> str:
    """The file suffix that fits encoded bytes, '.jpg' for unknown ones."""
    form = format_of(data)
    return ".jpg" if form is None else form.suffixes[0]
