"""Small files that become huge pictures."""

import io

from PIL import Image

from mfn.errors import BrokenImageError

MOST_PIXELS = 2**28
"""16,384 x 16,384, which take 0.8 GB; the largest photos of phones have 200 million."""


def refuse_bomb(encoded: bytes) -> None:
    """Looks at the size that an encoded image says it has, before anything of it is decoded.

    Raises:
        BrokenImageError: It has more than `MOST_PIXELS`.
    """
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # Pillow's own is lower
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            width, height = image.size
    except Exception:  # the decoder says what is no image; each of Pillow's readers has its own errors
        return
    finally:
        Image.MAX_IMAGE_PIXELS = limit
    if width * height > MOST_PIXELS:
        raise BrokenImageError(f"{width}x{height} pixels are more than {MOST_PIXELS // 10**6} million")
