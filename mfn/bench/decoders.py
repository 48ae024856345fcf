"""Other ways to turn JPEG bytes into pixels, to compare with."""

import io
from collections.abc import Callable
from importlib.util import find_spec

import cv2
import numpy as np
from PIL import Image
from torchvision import transforms


def bare_decoders() -> dict[str, Callable]:
    """The JPEG decoders there are here by name: bytes in, RGB pixels out, nothing else.

    torchvision's own is slower than both and on its way out of torchvision.
    """
    decoders: dict[str, Callable] = {
        "OpenCV": lambda data: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB),
    }
    if find_spec("simplejpeg"):
        import simplejpeg

        decoders["simplejpeg"] = simplejpeg.decode_jpeg
    return decoders


def usual_path() -> Callable:
    """What most training scripts do to an image, without resizing: Pillow, then torchvision."""
    transform = transforms.Compose(
        [transforms.RandomHorizontalFlip(), transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.5] * 3)]
    )
    return lambda data: transform(Image.open(io.BytesIO(data)).convert("RGB"))
