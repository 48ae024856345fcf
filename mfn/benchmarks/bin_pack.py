"""InsightFace's `.bin` verification packs: a pickle of (encoded images, one flag per pair)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mfn.benchmarks import safe_pickle
from mfn.benchmarks.bin_notes import read_notes
from mfn.benchmarks.paired_files import FOLDS
from mfn.benchmarks.verification import VerificationSet, consecutive_folds
from mfn.errors import BrokenImageError, DataError
from mfn.images.decode import decode_rgb


class BinImages:
    """The different images of a pack, in the order they first appear.

    Args:
        name: For tables.
        file_name: Of the pack, for messages.
        images: Encoded.
        numbers: The place of each in the pack.
    """

    def __init__(self, name: str, file_name: str, images: Sequence[bytes], numbers: Sequence[int]) -> None:
        self.name = name
        self._file_name = file_name
        self._images = images
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._images)

    def image(self, index: int) -> np.ndarray:
        """Decodes image `index`: uint8 (H, W, 3) RGB."""
        try:
            return decode_rgb(self._images[index])
        except BrokenImageError as error:
            raise BrokenImageError(f"{self.describe(index)}: {error}") from None

    def encoded(self, index: int) -> bytes:
        """Image `index` as it is stored."""
        return self._images[index]

    def describe(self, index: int) -> str:
        """Names the place of image `index` in the pack."""
        return f"{self._file_name} image {self._numbers[index]}"


def read_bin(path: str | Path, name: str | None = None, folds: int | None = None) -> VerificationSet:
    """Reads a pack written by InsightFace's tools or by `write_bin`, running nothing that is in it.

    An image of many pairs is stored once for each; here equal ones are kept once, so each is embedded once.

    Args:
        path: The pack.
        name: Of the set; by default the file's own.
        folds: Consecutive stretches of equal length; by default those of the notes beside the pack, or ten.

    Raises:
        DataError: The file is missing, is no such pack, or the notes beside it do not belong to it.
    """
    path = Path(path)
    name = name or path.stem
    images, is_same, noted = _content(path)
    first_seen: dict[bytes, int] = {}
    for number, image in enumerate(images):
        first_seen.setdefault(image, number)
    rank = {image: index for index, image in enumerate(first_seen)}
    numbers = list(first_seen.values())
    pairs = np.array([rank[image] for image in images], np.int64).reshape(-1, 2)
    notes = read_notes(path, is_same.size)
    if notes is not None and folds is None:
        fold_of = notes.fold_of
    else:
        fold_of = consecutive_folds(is_same.size, folds or FOLDS)
    return VerificationSet(
        name,
        BinImages(name, path.name, list(first_seen), numbers),
        pairs,
        is_same,
        fold_of,
        identities=None if notes is None or notes.identities is None else notes.identities[numbers],
        groups=None if notes is None else notes.groups,
        notes=noted,
    )


def _content(path: Path) -> tuple[list[bytes], np.ndarray, tuple[str, ...]]:
    """The images, whether each pair is genuine, and what was passed over."""
    content: Any = safe_pickle.load(path)
    if not isinstance(content, list | tuple) or len(content) < 2 or not all(map(_is_row, content[:2])):
        raise DataError(f"{path} is no verification pack: it must hold a list of images and a list of flags")
    stored, flags, *extra = content
    images = [_encoded(path, number, image) for number, image in enumerate(stored)]
    is_same = [_is_genuine(path, flag) for flag in _flat(flags)]
    if not is_same or len(images) != 2 * len(is_same):
        raise DataError(f"{path} holds {len(images)} images and {len(is_same)} flags, not two images for each flag")
    noted = (f"{path.name} holds {len(extra)} more than images and flags, passed over",) if extra else ()
    return images, np.array(is_same, bool), noted


def _is_row(part: Any) -> bool:
    return isinstance(part, list | tuple) or (isinstance(part, np.ndarray) and part.size == max(part.shape, default=0))


def _flat(part: Any) -> list[Any]:
    """What a row holds as values of Python."""
    return part.ravel().tolist() if isinstance(part, np.ndarray) else list(part)


def _encoded(path: Path, number: int, image: Any) -> bytes:
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.size == max(image.shape, default=0):
        return image.tobytes()
    if isinstance(image, bytes | bytearray):
        return bytes(image)
    raise DataError(f"{path} image {number} is no encoded image: it must be bytes or a row of uint8")


def _is_genuine(path: Path, flag: Any) -> bool:
    if isinstance(flag, np.ndarray) and flag.size == 1:
        flag = flag.item()
    if isinstance(flag, bool | int | float) and flag in (0, 1):
        return bool(flag)
    raise DataError(
        f"{path} is no verification pack: its flags must be true or false, or 1 or 0; one is {_named(flag)}"
    )


def _named(flag: Any) -> str:
    return f"{flag:g}" if isinstance(flag, int | float) and abs(flag) < 1e9 else type(flag).__name__
