"""Many images on one picture, each with a caption."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from mfn.files.ownership import PNG_PROGRAM, is_png_of_ours, writing

_GAP, _LINE, _FONT_SIZE = 6, 13, 11
_PAPER, _INK, _MISSING = (250, 250, 250), (40, 40, 40), (200, 200, 200)


def contact_sheet(
    images: Sequence[np.ndarray | None], captions: Sequence[str], *, columns: int = 10, side: int = 112
) -> np.ndarray:
    """Lays images out in rows.

    Args:
        images: uint8 (h, w, 3) RGB of any sizes, shrunk or grown to fit; None leaves a grey field with a cross.
        captions: One for each; lines are cut where they do not fit.
        columns: Images in a row.
        side: Of the square field of each image in pixels.

    Returns:
        uint8 (H, W, 3) RGB.
    """
    columns = max(1, min(columns, len(images)))
    lines = max((caption.count("\n") + 1 for caption in captions if caption), default=0)
    step = side + _GAP, side + _GAP + lines * _LINE
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * step[0] + _GAP, rows * step[1] + _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, (image, caption) in enumerate(zip(images, captions, strict=True)):
        x, y = _GAP + number % columns * step[0], _GAP + number // columns * step[1]
        if image is None:
            draw.rectangle((x, y, x + side - 1, y + side - 1), fill=_MISSING)
            draw.line((x, y, x + side - 1, y + side - 1), fill=_PAPER, width=2)
            draw.line((x, y + side - 1, x + side - 1, y), fill=_PAPER, width=2)
        else:
            small = thumbnail(image, side)
            sheet.paste(small, (x + (side - small.width) // 2, y + (side - small.height) // 2))
        for line, text in enumerate(caption.splitlines()):
            draw.text((x, y + side + line * _LINE), _fitting(text, side), fill=_INK, font=_font())
    return np.asarray(sheet)


def write_contact_sheet(
    path: Path, images: Sequence[np.ndarray | None], captions: Sequence[str], *, columns: int = 10, side: int = 112
) -> None:
    """Writes :func:`contact_sheet` as a PNG.

    Raises:
        DataError: There is a file that mfn did not make, or it cannot be written.
    """
    write_png(path, contact_sheet(images, captions, columns=columns, side=side))


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Writes a picture, uint8 RGB (H, W, 3), that tells that mfn made it.

    Raises:
        DataError: There is a file that mfn did not make, or it cannot be written.
    """
    about = PngInfo()
    for key, text in PNG_PROGRAM.items():
        about.add_text(key, text)
    with writing(path, is_png_of_ours) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG", pnginfo=about)


def thumbnail(image: np.ndarray, side: int) -> Image.Image:
    """An image, uint8 (h, w, 3) RGB, with its longer side at `side` pixels."""
    scale = side / max(image.shape[:2])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    return Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)


def _fitting(text: str, width: int) -> str:
    if _font().getlength(text) <= width:
        return text
    while text and _font().getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


@cache
def _font() -> ImageFont.FreeTypeFont:
    import matplotlib  # brings a font that has more of Unicode than Pillow's own; not for who draws none

    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf", _FONT_SIZE)
