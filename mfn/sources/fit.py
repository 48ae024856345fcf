"""Images of another size brought to the one that is wanted: exactly between aligned crops, and never squashed."""

from dataclasses import dataclass

import cv2
import numpy as np

from mfn.errors import BrokenImageError, ConfigError
from mfn.sources.content import content
from mfn.sources.made import MadeFrom
from mfn.sources.source import ImageSource

Size = tuple[int, int]
"""Height and width in pixels."""

ALIGNED_CROPS: tuple[Size, ...] = ((112, 112), (112, 96), (96, 96))
"""The sizes that crops aligned to InsightFace's five points come in."""
RULES = ("exact", "resize")


@dataclass(frozen=True, slots=True)
class Fit:
    """How images come to a size: untouched where they have it.

    An aligned crop keeps its five points where they belong, whatever the rule: the rows say the scale, and columns are
    cut off or added equally on either side, as `InputContract.for_size` moves its points. They then lie within half a
    pixel of their place, and at the crop's own scale and an even number of columns exactly there. `exact` takes these
    crops alone, and of them those that hold all of what is wanted, or are known crops of as many rows: it enlarges
    nothing. `resize` takes every image: of one that is no aligned crop the largest middle part in the wanted shape is
    scaled.

    Attributes:
        size: What is wanted.
        rule: exact | resize.
        crops: Sizes that count as aligned crops.

    Raises:
        ConfigError: Another rule.
    """

    size: Size
    rule: str = "exact"
    crops: tuple[Size, ...] = ALIGNED_CROPS

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ConfigError(f"fit={self.rule} must be one of {', '.join(RULES)}")

    def __call__(self, image: np.ndarray, name: str) -> np.ndarray:
        """`image`, uint8 (H, W, 3), at the wanted size.

        Raises:
            BrokenImageError: The rule does not take it; the sentence begins with `name`.
        """
        height, width = image.shape[:2]
        if (height, width) == self.size:
            return image
        if not self.takes((height, width)):
            raise BrokenImageError(f"{name} is {height}x{width}, and {self.sources}")
        return place_crop(image, self.size) if (height, width) in self.crops else cut_middle(image, self.size)

    def takes(self, size: Size) -> bool:
        """Says whether images of `size` become the wanted ones."""
        if size == self.size or self.rule == "resize":
            return True
        (height, width), (rows, columns) = self.size, size
        holds_it = height <= rows and width <= round(columns * height / rows)
        return size in self.crops and (holds_it or (height == rows and self.size in self.crops))

    @property
    def sources(self) -> str:
        """What images the wanted ones are made of, for messages."""
        sizes = dict.fromkeys(["{}x{}".format(*size) for size in (self.size, *self.crops) if self.takes(size)])
        first, *others = sizes
        listed = f"{', '.join([first, *others[:-1]])} or {others[-1]}" if others else first
        return f"{first} is made exactly of aligned crops of {listed} only"

    def outcome(self, size: Size) -> str:
        """Says what becomes of images of `size`: "", or words that follow it, such as "cut to 112x96"."""
        if size == self.size:
            return ""
        if not self.takes(size):
            return "left out"
        if size in self.crops:
            scaled, part, placed = size[0] != self.size[0], *_columns(size, self.size)
            cut, widened = part < size[1], placed < self.size[1]
        else:
            middle = _middle(size, self.size)
            scaled, cut, widened = middle != self.size, middle != size, False
        done = [word for word, is_so in (("scaled", scaled), ("cut", cut), ("widened", widened)) if is_so]
        return f"{' and '.join(done)} to {self.size[0]}x{self.size[1]}"


class Fitted(MadeFrom):
    """The images of a source at one size."""

    def __init__(self, source: ImageSource, fit: Fit) -> None:
        super().__init__(source)
        self.fit = fit

    def image(self, index: int) -> np.ndarray:
        """Image `index` at the size, uint8 (H, W, 3) RGB.

        Raises:
            BrokenImageError: It cannot be decoded, or is of a size that the rule does not take.
        """
        return self.fit(self.source.image(index), self.describe(index))

    def content(self, index: int) -> bytes:
        """The image's content and how it comes to the size: what the pixels are a function of."""
        return content(self.source, index) + repr(self.fit).encode()


def cut_middle(image: np.ndarray, size: Size) -> np.ndarray:
    """The largest middle part of `image` in the shape of `size`, at that size.

    Args:
        image: uint8 (H, W, 3).
        size: What is wanted.

    Returns:
        uint8 ``(*size, 3)``, averaged where it is smaller than the part and interpolated where it is larger.
    """
    height, width = _middle((image.shape[0], image.shape[1]), size)
    return _scaled(_centre(image, height, width), size)


def place_crop(image: np.ndarray, size: Size) -> np.ndarray:
    """An aligned crop at `size` with its points in their places: its rows say the scale.

    Args:
        image: uint8 (H, W, 3).
        size: What is wanted.

    Returns:
        uint8 ``(*size, 3)``; columns that the crop does not have are black, as aligning leaves what is outside of a
        photo.
    """
    part, placed = _columns((image.shape[0], image.shape[1]), size)
    scaled = _scaled(_centre(image, image.shape[0], part), (size[0], placed))
    left = (size[1] - placed) // 2
    return np.asarray(
        cv2.copyMakeBorder(scaled, 0, 0, left, size[1] - placed - left, cv2.BORDER_CONSTANT, value=(0, 0, 0)), np.uint8
    )


def _centre(image: np.ndarray, height: int, width: int) -> np.ndarray:
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return np.ascontiguousarray(image[top : top + height, left : left + width])


def _scaled(image: np.ndarray, size: Size) -> np.ndarray:
    """The image at `size`: averaged where it is larger, interpolated where it is smaller."""
    if image.shape[:2] == size:
        return image
    how = cv2.INTER_AREA if image.shape[0] >= size[0] and image.shape[1] >= size[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (size[1], size[0]), interpolation=how), np.uint8)


def _middle(image: Size, wanted: Size) -> Size:
    """The size of the largest part of an image in the wanted shape."""
    scale = min(image[0] / wanted[0], image[1] / wanted[1])
    return max(1, round(wanted[0] * scale)), max(1, round(wanted[1] * scale))


def _columns(crop: Size, wanted: Size) -> Size:
    """How many columns of a crop are used, and how many of the wanted ones these fill."""
    scale = wanted[0] / crop[0]
    return min(crop[1], max(1, round(wanted[1] / scale))), min(wanted[1], max(1, round(crop[1] * scale)))
