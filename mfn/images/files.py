"""Images that lie as single files on disk."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mfn.errors import BrokenImageError
from mfn.images.decode import decode_rgb
from mfn.images.formats import FORMATS, can_decode
from mfn.text import printable

IMAGE_SUFFIXES = tuple(suffix for form in FORMATS if can_decode(form) for suffix in form.suffixes)
"""Of file names, in lower case: those of images that can be decoded here."""


class ImageFiles:
    """Images by position in a list of files.

    Args:
        name: What tables call them.
        files: Where they are.
        root: Folder that `files` are relative to.
    """

    def __init__(self, name: str, files: Sequence[str | Path], root: str | Path = "") -> None:
        self.name = name
        self._files = [str(file) for file in files]
        self._root = str(root)

    def __len__(self) -> int:
        return len(self._files)

    @property
    def paths(self) -> list[str]:
        """Where each image is."""
        return [self._path(index) for index in range(len(self))]

    def image(self, index: int) -> np.ndarray:
        """Decodes image `index`: uint8 (H, W, 3) RGB."""
        data = self.encoded(index)
        try:
            return decode_rgb(data)
        except BrokenImageError as error:
            raise BrokenImageError(f"{self.describe(index)}: {error}") from None

    def encoded(self, index: int) -> bytes:
        """The file's bytes.

        Raises:
            BrokenImageError: It cannot be read.
        """
        try:
            return Path(self._path(index)).read_bytes()
        except OSError as error:
            raise BrokenImageError(f"{self.describe(index)}: {error.strerror}") from None

    def describe(self, index: int) -> str:
        """Names the file of image `index`."""
        return printable(self._path(index))

    def _path(self, index: int) -> str:
        return os.path.join(self._root, self._files[index])  # noqa: PTH118  a Path for each of millions takes longer
