"""Other ways to give a face to a network: what people get wrong, each as a named convention."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from mfn.align.warp import warp
from mfn.contract import InputContract
from mfn.sources.content import content
from mfn.sources.fit import Fit
from mfn.sources.made import MadeFrom
from mfn.sources.source import ImageSource

Triple = tuple[float, float, float]
Placement = Callable[[int, tuple[int, int]], NDArray[np.float64]]
"""(image, (height, width)) to the matrix (2, 3) that moves an aligned face."""

_MIDDLE: Triple = (127.5, 127.5, 127.5)
_ZERO: Triple = (0.0, 0.0, 0.0)
PIXEL_RANGES: dict[str, tuple[Triple, Triple]] = {
    "(x-127.5)/127.5": (_MIDDLE, (127.5, 127.5, 127.5)),
    "(x-127.5)/128": (_MIDDLE, (128.0, 128.0, 128.0)),
    "x/255": (_ZERO, (255.0, 255.0, 255.0)),
    "x/127.5": (_ZERO, (127.5, 127.5, 127.5)),
    "x": (_ZERO, (1.0, 1.0, 1.0)),
    "ImageNet mean and std": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
}
"""Mean and standard deviation of R, G, B that published face networks were trained with."""


@dataclass(frozen=True, slots=True)
class Convention:
    """One way to give faces to a network.

    Attributes:
        name: What tables call it.
        contract: Colour order, mean and standard deviation.
        place: Moves the aligned face, or None where it stays.
    """

    name: str
    contract: InputContract
    place: Placement | None = None


def pixel_conventions(declared: InputContract) -> list[Convention]:
    """Each colour order with each pixel range and with the declared one, without the declared convention itself."""
    ranges = dict.fromkeys([_range_of(declared), *PIXEL_RANGES.values()])
    contracts = [
        dataclasses.replace(declared, color=color, mean=_in_order(mean, color), std=_in_order(std, color))
        for color in ("RGB", "BGR")
        for mean, std in ranges
    ]
    return [Convention(pixel_name(contract), contract) for contract in contracts if contract != declared]


def pixel_name(contract: InputContract) -> str:
    """Colour order and pixel range in few words."""
    mean, std = _range_of(contract)
    known = (name for name, numbers in PIXEL_RANGES.items() if numbers == (mean, std))
    return f"{contract.color} {next(known, f'(x-{mean})/{std}')}"


def crop_conventions(declared: InputContract, seed: int = 0) -> list[Convention]:
    """Faces in the wrong place on the crop, simulated by moving aligned ones.

    The template of the 112x96 crop has x coordinates 8 pixels smaller; used for 112 columns it puts the face 8 pixels
    to the left (for other heights in proportion). To the right is the same mistake the other way round, or in the
    images at hand. A crop that only followed a detector's box is rotated (standard deviation 8 degrees), closer (1 to
    1.35 times) and shifted (4 pixels of 112), drawn for each image from `seed`. Where the moved image ends, its border
    goes on.
    """
    return [
        Convention("8 px to the left (template of the 96-column crop)", declared, partial(_beside, -8)),
        Convention("8 px to the right", declared, partial(_beside, 8)),
        Convention("not aligned (simulated)", declared, partial(_as_a_box_would, seed)),
    ]


class PlacedFaces(MadeFrom):
    """The images of a source at one size, each moved."""

    def __init__(self, source: ImageSource, size: tuple[int, int], place: Placement) -> None:
        super().__init__(source)
        self._size = size
        self._fit = Fit(size)
        self._place = place

    def image(self, index: int) -> NDArray[np.uint8]:
        """Image `index`, uint8 (H, W, 3) RGB, moved."""
        image = self._fit(self.source.image(index), self.describe(index))
        return warp(image, self._place(index, self._size), self._size, replicate=True)

    def content(self, index: int) -> bytes:
        """The image's content and how it is moved: what the pixels are a function of."""
        moved = self._place(index, self._size)
        return content(self.source, index) + moved.tobytes() + f"{self._size}".encode()


def _range_of(contract: InputContract) -> tuple[Triple, Triple]:
    return _in_order(contract.mean, contract.color), _in_order(contract.std, contract.color)


def _in_order(values: Triple, color: str) -> Triple:
    """R, G, B to the colour order and back."""
    return values if color == "RGB" else (values[2], values[1], values[0])


def _beside(pixels: float, index: int, size: tuple[int, int]) -> NDArray[np.float64]:
    return np.array([[1.0, 0.0, pixels * size[0] / 112], [0.0, 1.0, 0.0]])


def _as_a_box_would(seed: int, index: int, size: tuple[int, int]) -> NDArray[np.float64]:
    rng = np.random.default_rng((seed, index))
    height, width = size
    turned = cv2.getRotationMatrix2D((width / 2, height / 2), rng.normal(0, 8), rng.uniform(1, 1.35))
    matrix = np.asarray(turned, np.float64)
    matrix[:, 2] += rng.normal(0, 4 * height / 112, 2)
    return matrix
