"""Verification sets as one array of pixels, `NAME.npy` with `issame.txt` beside it.

So Notre Dame's training code unpacks its test sets (Hadrian, Eclipse and others): two images in a row make a pair.
"""

import hashlib
from contextlib import suppress
from pathlib import Path

import numpy as np

from mfn.benchmarks.paired_files import FOLDS
from mfn.benchmarks.places import files_of
from mfn.benchmarks.verification import VerificationSet, consecutive_folds
from mfn.errors import DataError, first_line
from mfn.files.lines import numbered_lines

FLAGS = "issame.txt"


class ArrayImages:
    """The different images of an array, in the order they first appear.

    Args:
        name: For tables.
        file_name: Of the array, for messages.
        pixels: uint8 (M, H, W, 3) RGB, which may lie on disk.
        numbers: The place of each in the array.
    """

    def __init__(self, name: str, file_name: str, pixels: np.ndarray, numbers: list[int]) -> None:
        self.name = name
        self._file_name = file_name
        self._pixels = pixels
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def image(self, index: int) -> np.ndarray:
        """Image `index`: uint8 (H, W, 3) RGB."""
        return np.ascontiguousarray(self._pixels[self._numbers[index]])

    def describe(self, index: int) -> str:
        """Names the place of image `index` in the array."""
        return f"{self._file_name} image {self._numbers[index]}"


def read_arrays(path: str | Path, name: str | None = None, folds: int | None = None) -> VerificationSet:
    """Reads an array of images, uint8 (2P, 3, H, W) or (2P, H, W, 3) RGB, and the flags beside it, one a line.

    Args:
        path: The `.npy` file; objects in it are refused.
        name: Of the set; by default the file's own.
        folds: Consecutive stretches of equal length, ten by default.

    Raises:
        DataError: A file is missing, is another, or the flags are not one for two images.
    """
    path = Path(path)
    try:
        pixels = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # a damaged header may raise anything
        raise DataError(f"{path} is no array of images ({first_line(error)[:80]}): get the file again") from None
    if pixels.ndim == 4 and pixels.shape[3] != 3:
        pixels = np.moveaxis(pixels, 1, 3)
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] != 3:
        raise DataError(f"{path} holds {pixels.dtype} {pixels.shape}, not images: uint8 (2P, 3, H, W) or (2P, H, W, 3)")
    is_same = _flags(path)
    if len(pixels) != 2 * len(is_same):
        raise DataError(f"{path} holds {len(pixels)} images and {FLAGS} {len(is_same)} flags, not two images for each")
    digests = [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in pixels]
    rank = {digest: place for place, digest in enumerate(dict.fromkeys(digests))}
    numbers = list({digest: number for number, digest in reversed(list(enumerate(digests)))}.values())
    name = name or path.stem
    return VerificationSet(
        name,
        ArrayImages(name, path.name, pixels, sorted(numbers)),
        np.array([rank[digest] for digest in digests], np.int64).reshape(-1, 2),
        is_same,
        consecutive_folds(len(is_same), folds or FOLDS),
    )


def _flags(path: Path) -> np.ndarray:
    file = next(files_of(path.parent, FLAGS), None)
    if file is None:
        raise DataError(f"{path.parent} lacks {FLAGS}: a line for each two images of {path.name}, 1 for one person")
    lines = numbered_lines(file)
    if wrong := next((number for number, line in lines if _flag(line) is None), None):
        raise DataError(f"{file} line {wrong} is no flag: 1 for one person, 0 for two")
    if not lines:
        raise DataError(f"{file} holds no flags")
    return np.array([_flag(line) for _, line in lines], bool)


def _flag(text: str) -> bool | None:
    """Of a line, also as `np.savetxt` and Python write it."""
    known = {"true": True, "false": False}.get(text.lower())
    with suppress(ValueError):
        known = {1.0: True, 0.0: False}.get(float(text))
    return known
