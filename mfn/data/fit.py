"""Images of another size brought to the one that is wanted: exactly between aligned crops, and never squashed."""

from dataclasses import dataclass

import cv2
import numpy as np

from mfn.data.content import content, is_stored
from mfn.data.source import ImageSource
from mfn.errors import BrokenImageError, ConfigError

Size = tuple[int, int]
"""Height and width in pixels."""

ALIGNED_CROPS: tuple[Size, ...] = ((112, 112), (112, 96), (96, 96))
"""The sizes that crops aligned to InsightFace's five points come in."""
RULES = ("exact", "resize")


@dataclass(frozen=True, slots=True)
class Fit:
    """How images come to a size: untouched where they have it.

    `exact` also takes an aligned crop that holds all of the wanted one: the rows say the scale and columns are cut
    off equally on either side, as `InputContract.for_size` moves its points. The five points then lie within half a
    pixel of where they belong, and at the crop's own scale and an even number of columns exactly there. It neither
    enlarges nor widens. `resize` takes every image: its largest middle part in the wanted shape is scaled.

    Attributes:
        size: what is wanted.
        rule: exact | resize.
        crops: sizes that count as aligned crops.

    Raises:
        ConfigError: another rule.
    """

    size: Size
    rule: str = "exact"
    crops: tuple[Size, ...] = ALIGNED_CROPS

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ConfigError(f"fit={self.rule} must be one of {', '.join(RULES)}")

    def __call__(self, image: np.ndarray, name: str) -> np.ndarray:
        """Return `image`, uint8 (H, W, 3), at the wanted size.

        Raises:
            BrokenImageError: the rule does not take it; the sentence begins with `name`.
        """
        height, width = image.shape[:2]
        if (height, width) == self.size:
            return image
        if not self.takes((height, width)):
            raise BrokenImageError(f"{name} is {height}x{width}, and {self.sources}")
        return cut_middle(image, self.size)

    def takes(self, size: Size) -> bool:
        """Say whether images of `size` become the wanted ones."""
        if size == self.size or self.rule == "resize":
            return True
        height, width = self.size
        return size in self.crops and height <= size[0] and width <= round(size[1] * height / size[0])

    @property
    def sources(self) -> str:
        """What images the wanted ones are made of, for messages."""
        sizes = dict.fromkeys(["{}x{}".format(*size) for size in (self.size, *self.crops) if self.takes(size)])
        return f"{next(iter(sizes))} is made exactly of {' or '.join(sizes)} aligned crops only"

    def told(self, size: Size) -> str:
        """Say what becomes of images of `size`: "", or words that follow it, such as "cut to 112x96"."""
        if size == self.size:
            return ""
        if not self.takes(size):
            return "left out"
        part = _middle(size, self.size)
        done = [word for word, changed in (("scaled", part != self.size), ("cut", part != size)) if changed]
        return f"{' and '.join(done)} to {self.size[0]}x{self.size[1]}"


class Fitted:
    """The images of a source at one size."""

    def __init__(self, source: ImageSource, fit: Fit) -> None:
        self.name = source.name
        self.source = source
        self.fit = fit

    def __len__(self) -> int:
        return len(self.source)

    def image(self, index: int) -> np.ndarray:
        """Return image `index` at the size, uint8 (H, W, 3) RGB.

        Raises:
            BrokenImageError: it cannot be decoded, or is of a size that the rule does not take.
        """
        return self.fit(self.source.image(index), self.describe(index))

    def content(self, index: int) -> bytes:
        """Return the image's content and how it comes to the size: what the pixels are a function of."""
        return content(self.source, index) + repr(self.fit).encode()

    @property
    def stored(self) -> bool:
        """Whether the images are stored encoded."""
        return is_stored(self.source)

    def describe(self, index: int) -> str:
        """Say where image `index` comes from."""
        return self.source.describe(index)


def cut_middle(image: np.ndarray, size: Size) -> np.ndarray:
    """Return the largest middle part of `image` in the shape of `size`, at that size.

    Args:
        image: uint8 (H, W, 3).
        size: what is wanted.

    Returns:
        uint8 (*size, 3), averaged where it is smaller than the part and interpolated where it is larger.
    """
    height, width = _middle((image.shape[0], image.shape[1]), size)
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    part = image[top : top + height, left : left + width]
    if (height, width) == size:
        return np.ascontiguousarray(part)
    how = cv2.INTER_AREA if height >= size[0] and width >= size[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, (size[1], size[0]), interpolation=how), np.uint8)


def _middle(image: Size, wanted: Size) -> Size:
    """Return the size of the largest part of an image in the wanted shape."""
    scale = min(image[0] / wanted[0], image[1] / wanted[1])
    return max(1, round(wanted[0] * scale)), max(1, round(wanted[1] * scale))
