"""Boxes with names on pictures."""

from functools import lru_cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mfn.text import printable

KNOWN, UNKNOWN = (27, 127, 75), (176, 106, 0)
"""Colours of boxes, RGB."""
_LEAST_FONT, _LINES = 12, 32
"""Pixels; how many lines of text a picture is high."""
_LONGEST = 60


def draw_face(pixels: NDArray[np.uint8], box: NDArray[np.float64], text: str, colour: tuple[int, int, int]) -> None:
    """Draws a box and its text onto a picture, in place.

    Args:
        pixels: uint8 RGB (H, W, 3), contiguous.
        box: x and y of the upper left corner, width and height in pixels; may reach outside.
        text: Above the box, or within it where there is no room.
        colour: RGB.
    """
    height, width = pixels.shape[:2]
    low, high = np.clip([box[:2], box[:2] + box[2:]], -10.0, [width + 10.0, height + 10.0]).round().astype(int).tolist()
    cv2.rectangle(pixels, low, high, colour, max(1, height // 240))
    label = _label(_short(printable(text)), max(_LEAST_FONT, height // _LINES), colour)[:height, :width]
    x = int(np.clip(low[0], 0, width - label.shape[1]))
    y = low[1] - label.shape[0] if low[1] >= label.shape[0] else low[1]
    y = int(np.clip(y, 0, height - label.shape[0]))
    pixels[y : y + label.shape[0], x : x + label.shape[1]] = label


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


@lru_cache(maxsize=256)
def _label(text: str, size: int, colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    """White text on a colour, uint8 RGB."""
    font = ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf", size)
    pad = max(2, size // 5)
    width, height = round(font.getlength(text)) + 2 * pad, size + 2 * pad
    picture = Image.new("RGB", (width, height), colour)
    ImageDraw.Draw(picture).text((pad, height / 2), text, fill="white", font=font, anchor="lm")
    return np.asarray(picture)
