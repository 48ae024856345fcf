"""Other ways to turn JPEG bytes into pixels, to compare with."""

import io
from collections.abc import Callable
from importlib.util import find_spec

import cv2
import numpy as np
import torch
from PIL import Image
from torchvision import transforms
from torchvision.io import ImageReadMode, decode_jpeg


def bare_decoders() -> dict[str, Callable]:
    """Return the JPEG decoders there are here by name: bytes in, RGB pixels out, nothing else."""
    decoders: dict[str, Callable] = {
        "OpenCV": lambda data: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB),
        "torchvision": _torchvision,
    }
    if find_spec("simplejpeg"):
        import simplejpeg

        decoders["simplejpeg"] = simplejpeg.decode_jpeg
    return decoders


def usual_path() -> Callable:
    """Return what most training scripts do to an image, without resizing: Pillow, then torchvision."""
    transform = transforms.Compose(
        [transforms.RandomHorizontalFlip(), transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.5] * 3)]
    )
    return lambda data: transform(Image.open(io.BytesIO(data)).convert("RGB"))


def _torchvision(data: bytes) -> torch.Tensor:
    pixels = decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8), ImageReadMode.RGB)
    assert isinstance(pixels, torch.Tensor)
    return pixels
