"""A choice of images from a source, as a source of its own."""

import numpy as np

from mfn.sources.content import content, is_stored
from mfn.sources.encode import encoded
from mfn.sources.source import ImageSource


class Subset:
    """The images of `source` at `positions`, renumbered from 0."""

    def __init__(self, name: str, source: ImageSource, positions: np.ndarray) -> None:
        self.name = name
        self._source = source
        self._positions = positions

    def __len__(self) -> int:
        return self._positions.size

    def image(self, index: int) -> np.ndarray:
        """Decodes image `index`: uint8 (H, W, 3) RGB."""
        return self._source.image(int(self._positions[index]))

    def encoded(self, index: int) -> bytes:
        """Image `index` as it is stored, or as a PNG."""
        return encoded(self._source, int(self._positions[index]))

    def content(self, index: int) -> bytes:
        """What the pixels of image `index` are a function of."""
        return content(self._source, int(self._positions[index]))

    @property
    def stored(self) -> bool:
        """Whether the images are stored encoded."""
        return is_stored(self._source)

    def describe(self, index: int) -> str:
        """Says where image `index` comes from."""
        return self._source.describe(int(self._positions[index]))
