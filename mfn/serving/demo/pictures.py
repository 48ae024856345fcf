"""Pictures within a page, so that none of them is ever a file."""

import base64
from collections.abc import Sequence

import cv2
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

_LONGEST, _QUALITY = 900, 88


def photo_html(
    pixels: NDArray[np.uint8],
    boxes: Sequence[NDArray[np.float32]],
    labels: Sequence[str] = (),
    kinds: Sequence[str] = (),
    name: str = "photo",
) -> Markup:
    """A photo with boxes that lie over it.

    Args:
        pixels: uint8 RGB (H, W, 3).
        boxes: Of each face, (4,) as in `mfn.align.face.Face`.
        labels: Of each, or nothing.
        kinds: Class of each box: meant | other | known | unknown.
        name: Of the photo, for those who cannot see it.
    """
    height, width = pixels.shape[:2]
    marks = Markup("")
    for number, box in enumerate(boxes):
        left, top, right, bottom = box[0], box[1], box[0] + box[2], box[1] + box[3]
        left, right = (float(np.clip(value / width, 0, 1)) for value in (left, right))
        top, bottom = (float(np.clip(value / height, 0, 1)) for value in (top, bottom))
        place = f"left:{left:.2%};top:{top:.2%};width:{right - left:.2%};height:{bottom - top:.2%}"
        label = Markup("<b>{}</b>").format(labels[number]) if labels else ""
        kind = kinds[number] if kinds else "meant"
        marks += Markup('<span class="mfn-box mfn-{}" style="{}">{}</span>').format(kind, place, label)
    picture = Markup('<img src="{}" alt="{}">').format(data_uri(pixels, _LONGEST), name)
    return Markup('<div class="mfn-photo">{}{}</div>').format(picture, marks)


def crop_html(pixels: NDArray[np.uint8], caption: str = "") -> Markup:
    """An aligned face with a caption."""
    return Markup(
        '<figure class="mfn-crop"><img src="{}" alt="aligned face"><figcaption>{}</figcaption></figure>'
    ).format(data_uri(pixels, 224), caption)


def data_uri(pixels: NDArray[np.uint8], longest: int) -> str:
    """A picture as an address that holds it, shrunk to a longest side."""
    scale = min(1.0, longest / max(pixels.shape[:2]))
    if scale < 1:
        size = [max(1, round(side * scale)) for side in pixels.shape[1::-1]]
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    jpeg = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.tobytes()).decode()
