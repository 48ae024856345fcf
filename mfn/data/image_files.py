"""Images that lie as single files on disk."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mfn.data.decode import decode_rgb
from mfn.errors import BrokenImageError
from mfn.text import printable

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


class ImageFiles:
    """Images by position in a list of paths."""

    def __init__(self, name: str, paths: Sequence[Path]) -> None:
        self.name = name
        self.paths = [str(path) for path in paths]

    def __len__(self) -> int:
        return len(self.paths)

    def image(self, index: int) -> np.ndarray:
        """Decode image `index`: uint8 (H, W, 3) RGB."""
        data = self.encoded(index)
        try:
            return decode_rgb(data)
        except BrokenImageError as error:
            raise BrokenImageError(f"{self.describe(index)}: {error}") from None

    def encoded(self, index: int) -> bytes:
        """Return the file's bytes.

        Raises:
            BrokenImageError: it cannot be read.
        """
        try:
            return Path(self.paths[index]).read_bytes()
        except OSError as error:
            raise BrokenImageError(f"{self.describe(index)}: {error.strerror}") from None

    def describe(self, index: int) -> str:
        """Name the file of image `index`."""
        return printable(self.paths[index])
