"""Small files that become huge pictures."""

import io
from importlib import import_module

from PIL import Image

from mfn.errors import BrokenImageError
from mfn.images.formats import HEIC, can_decode, format_of

MOST_PIXELS = 2**28
"""16,384 x 16,384, which take 0.8 GB; the largest photos of phones have 200 million."""


def refuse_bomb(encoded: bytes) -> None:
    """Looks at the size that an encoded image says it has, before anything of it is decoded.

    One whose size cannot be told is left to the decoder, which says what is no image.

    Raises:
        BrokenImageError: It has more than `MOST_PIXELS`.
    """
    width, height = stated_size(encoded) or (0, 0)
    if width * height > MOST_PIXELS:
        raise BrokenImageError(f"{width}x{height} pixels are more than {MOST_PIXELS // 10**6} million")


def stated_size(encoded: bytes) -> tuple[int, int] | None:
    """Width and height that an encoded image says it has; None where that cannot be told."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # Pillow's own is lower
    try:
        if format_of(encoded) is HEIC and can_decode(HEIC):
            return import_module("pillow_heif").open_heif(io.BytesIO(encoded)).size
        with Image.open(io.BytesIO(encoded)) as image:
            return image.size
    except Exception:  # each of Pillow's readers has its own errors
        return None
    finally:
        Image.MAX_IMAGE_PIXELS = limit
