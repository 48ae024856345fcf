"""The older projects' ways to put a face into a `tf.train.Example`."""

import math
from pathlib import PurePosixPath

import numpy as np

from mfn.packs.pack_list import EXACT
from mfn.packs.tfrecords.example import Example, ExampleError

_LABELS = ("label", "image/source_id")
_IMAGES = ("image_raw", "image/encoded")
_PATHS = ("image/img_path", "image/filename")
_ENCODED_STARTS = (b"\xff\xd8\xff", b"\x89PNG")


def identity_in(example: Example) -> tuple[int | str, str]:
    """Whom an example shows, and the folder of its file name, "" where it has none.

    Raises:
        ExampleError: It is of neither layout.
    """
    label = next((example[name][0] for name in _LABELS if name in example.names and example[name]), None)
    if label is None or example.names.isdisjoint((*_IMAGES, *_PATHS)):
        found = ", ".join(sorted(example.names))
        raise ExampleError(f"expected image_raw and label, or image/source_id and image/encoded, found {found}")
    path = example["image/filename"]
    folder = PurePosixPath(text(path[0]).replace("\\", "/")).parent.name if path else ""
    if isinstance(label, float):
        if not (label.is_integer() and abs(label) < EXACT):
            raise ExampleError(f"its label {label} is no whole number that a float32 holds for sure")
        label = int(label)
    if isinstance(label, int) and label < 0:
        raise ExampleError(f"its label {label} is below 0 and names nobody")
    return label if isinstance(label, int) else text(label), folder


def path_in(example: Example) -> str:
    """The path of an example's image, "" where the image itself is in it.

    Raises:
        ExampleError: It is no text.
    """
    if example["image/img_path"]:
        return text(example["image/img_path"][0])
    if any(example[name] for name in _IMAGES):
        return ""
    return text(example["image/filename"][0]) if example["image/filename"] else ""


def image_in(example: Example) -> bytes | np.ndarray:
    """The encoded image of an example, or its pixels, uint8 (H, W, 3) RGB, where it stores those.

    Raises:
        ExampleError: There is none.
    """
    data = next((example[name][0] for name in _IMAGES if example[name]), b"")
    if not isinstance(data, memoryview):
        raise ExampleError("its image holds no bytes")
    sides = [example[name] for name in ("height", "width", "depth")]
    shape = [int(side[0]) for side in sides if side and isinstance(side[0], int)]
    if len(shape) < 3 or len(data) != math.prod(shape) or bytes(data[:4]).startswith(_ENCODED_STARTS):
        return bytes(data)
    pixels = np.frombuffer(data, np.uint8).reshape(shape)
    return np.repeat(pixels, 3, axis=-1) if shape[-1] == 1 else pixels


def text(value: memoryview | float) -> str:
    """The text of a feature's value.

    Raises:
        ExampleError: It is a number.
    """
    if not isinstance(value, memoryview):
        raise ExampleError(f"expected text, found the number {value}")
    return str(value, "utf-8", "surrogateescape")  # two names must not become one
