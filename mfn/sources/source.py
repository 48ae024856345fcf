"""What every set of faces offers, wherever its pixels come from."""

from typing import Protocol

import numpy as np


class ImageSource(Protocol):
    """Images by position."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    def __len__(self) -> int: ...

    def image(self, index: int) -> np.ndarray:
        """Return image `index` as uint8 (H, W, 3) RGB.

        Raises:
            BrokenImageError: it cannot be decoded.
        """
        ...

    def describe(self, index: int) -> str:
        """Say where image `index` comes from, for messages: 'train.rec record 17', a path."""
        ...


class FaceSource(ImageSource, Protocol):
    """Images by position, each with the identity it shows."""

    @property
    def labels(self) -> np.ndarray:
        """Raw labels as the data has them, int64 (N,); they may have gaps."""
        ...

    @property
    def label_names(self) -> dict[int, str] | None:
        """A name for each raw label, or None where the data has none."""
        ...
