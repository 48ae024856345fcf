"""Encoded images to RGB pixels."""

import io
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import cv2
import numpy as np

from mfn.errors import BrokenImageError
from mfn.images.formats import HEIC, can_decode, format_of, remedy
from mfn.images.overheard import hearing, overheard

logger = logging.getLogger(__name__)

_told: list[str] = []
"""What was told of damage in this process: a line for each image would bury all others."""


class _Block(threading.local):
    """Whether this thread decodes a block of images, and whether one of them was broken."""

    hears = False
    broken = False


_block = _Block()

Encoded = bytes | bytearray | memoryview | np.ndarray


def decode_rgb(encoded: Encoded) -> np.ndarray:
    """Decodes an image of any format that `mfn.images.formats` knows; grey, CMYK, palette and 16-bit ones become RGB.

    OpenCV decodes JPEGs with libjpeg-turbo, bit for bit as Pillow and simplejpeg do, at least as fast as
    any of them from Python. A camera's orientation tag is obeyed; transparency is left out; of several frames or
    pages the first is taken.

    Returns:
        uint8 (H, W, 3).

    Raises:
        BrokenImageError: The bytes are no image or break off.
    """
    if _block.hears:
        image = _decoded(data := np.frombuffer(encoded, np.uint8))
        _block.broken |= image is None
        return _whole(data, image)
    image, damage = decode_with_warnings(encoded)
    _tell_once(damage)
    return image


@contextmanager
def decoding_many() -> Iterator[None]:
    """Makes `decode_rgb` faster in a block: codecs are listened to once for all of its images.

    Where an image of the block could not be decoded at all, what was heard is taken to be about that one.
    """
    if _block.hears:
        yield
        return
    _block.hears, _block.broken = True, False
    damage: list[str] = []
    try:
        with hearing() as damage:
            yield
    finally:
        _block.hears = False
        _tell_once(damage[0] if damage and not _block.broken else "")


def _tell_once(damage: str) -> None:
    if damage and not _told:
        _told.append(damage)
        logger.warning(
            "an image is damaged (%s) and was taken as far as it goes; further ones are not told: mfn inspect --all "
            "counts them",
            damage,
        )


def decode_with_warnings(encoded: Encoded) -> tuple[np.ndarray, str]:
    """The pixels as `decode_rgb` does, and what its decoder says of damage in an image it could decode, or "".

    Several threads at a time may get each other's.
    """
    data = np.frombuffer(encoded, np.uint8)
    image, damage = overheard(lambda: _decoded(data))
    return _whole(data, image), damage[0] if damage else ""


def _whole(data: np.ndarray, image: np.ndarray | None) -> np.ndarray:
    if image is None:
        raise BrokenImageError(f"these {data.size} bytes are {_what(data)}")
    return image


def _decoded(data: np.ndarray) -> np.ndarray | None:
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    except cv2.error:
        image = None
    is_heic = image is None and format_of(data.data) is HEIC and can_decode(HEIC)
    return _decoded_heic(data) if is_heic else image


def _decoded_heic(data: np.ndarray) -> np.ndarray | None:
    try:
        image = import_module("pillow_heif").open_heif(io.BytesIO(data.tobytes())).to_pillow()
        return np.array(image.convert("RGB"))
    except (ValueError, OSError, EOFError, RuntimeError, SyntaxError):
        return None


def _what(data: np.ndarray) -> str:
    form = format_of(data.data)
    if form is None:
        return "no whole JPEG, PNG, BMP, WebP or TIFF image"
    return f"no whole {form.name} image" if can_decode(form) else f"a {form.name} image ({remedy(form)})"
