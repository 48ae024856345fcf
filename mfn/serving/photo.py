"""Photos that strangers send: which of them are decoded at all."""

from mfn.errors import BrokenImageError
from mfn.images.bombs import stated_size
from mfn.images.formats import can_decode, format_of
from mfn.recognition.picture import Pixels, pixels_of

MOST_PIXELS = 50_000_000
"""150 MB of memory; photos of most phones have 12 million, and few 50."""


class TooManyPixelsError(BrokenImageError):
    """An image would take more memory than it may."""


def strangers_pixels(encoded: bytes, name: str, most: int = MOST_PIXELS) -> Pixels:
    """A picture as uint8 RGB (H, W, 3), turned as its camera says.

    Only the formats that `mfn.images.formats` lists are decoded, and only where the size is known before: OpenCV has
    decoders of rarer formats, which nobody needs here.

    Args:
        encoded: The file's bytes.
        name: For messages.
        most: Pixels that it may have.

    Raises:
        TooManyPixelsError: It has more.
        BrokenImageError: It cannot be decoded.
    """
    form, size = format_of(encoded), stated_size(encoded)
    if size is not None and size[0] * size[1] > most:
        raise TooManyPixelsError(f"{name}: {size[0]}x{size[1]} pixels are more than {most / 10**6:g} million")
    if form is None or (size is None and can_decode(form)):
        raise BrokenImageError(f"{name}: these {len(encoded)} bytes are no whole JPEG, PNG, WebP or other image")
    return pixels_of(encoded, name)
