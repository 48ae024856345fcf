"""What a picture is: a photo, in which faces are still to be found, or a crop of one face as networks take it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mfn.errors import BrokenImageError, DataError
from mfn.images.bombs import refuse_bomb
from mfn.images.decode import decode_rgb
from mfn.images.files import ImageFiles
from mfn.images.folder import find_images
from mfn.images.passed_over import PassedOver
from mfn.text import printable

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False, slots=True)
class Photo:
    """A photo of any size, with any number of faces.

    Attributes:
        pixels: uint8 RGB (H, W, 3).
        name: For messages and tables.
    """

    pixels: Pixels
    name: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Aligned:
    """A crop of one face, its eyes and mouth where the network's template has them.

    Attributes:
        pixels: uint8 RGB, of the size that the network's contract says.
        name: For messages and tables.
    """

    pixels: Pixels
    name: str = ""


Picture = Photo | Aligned


def read_pixels(path: str | Path) -> Pixels:
    """A picture file as uint8 RGB (H, W, 3), turned as its camera says.

    Raises:
        BrokenImageError: It cannot be read or decoded, or would be too large.
    """
    file = ImageFiles("picture", [path])
    return pixels_of(file.encoded(0), file.describe(0))


def pixels_of(encoded: bytes, name: str) -> Pixels:
    """The same from an encoded picture; `name` is for messages.

    Raises:
        BrokenImageError: It cannot be decoded, or would be too large.
    """
    try:
        refuse_bomb(encoded)
        return decode_rgb(encoded)
    except BrokenImageError as error:
        raise BrokenImageError(f"{name}: {error}") from None


def checked_pixels(pixels: object, name: str = "the picture") -> Pixels:
    """Pixels from somebody else's program.

    Raises:
        DataError: They are no uint8 RGB picture.
    """
    array = np.asarray(pixels)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise DataError(f"{name} must be uint8 RGB (H, W, 3), got {array.dtype} {array.shape}")
    return array


def picture_files(places: Sequence[str | Path], passed_over: PassedOver) -> list[Path]:
    """Files as named, and of each folder the images in it and below, in the order of their names.

    Args:
        places: Files and folders.
        passed_over: Gets what in the folders is no image.

    Raises:
        DataError: One of them is not there, or a folder holds no image.
    """
    return [file for place in places for file in _files_at(Path(place), passed_over)]


def pictures_of(files: Iterable[Path], aligned: bool) -> Iterator[Picture | Path]:
    """Picture files for a pipeline; crops are read here, and photos by the pipeline.

    A crop that cannot be read goes on as a path, for the pipeline to tell.
    """
    for file in files:
        try:
            yield Aligned(read_pixels(file), printable(str(file))) if aligned else file
        except BrokenImageError:
            yield file


def _files_at(place: Path, passed_over: PassedOver) -> Iterator[Path]:
    shown = printable(str(place))
    if not place.exists():
        raise DataError(f"there is neither a picture nor a folder at {shown}")
    if not place.is_dir():
        yield place
        return
    try:
        names = find_images(place, passed_over)
    except OSError as error:
        raise DataError(f"{shown} cannot be opened ({error.strerror})") from None
    if not names:
        sentence = passed_over.sentence()
        raise DataError(
            f"{shown} and the folders in it hold no image" + (f"; passed over {sentence}" if sentence else "")
        )
    for name in names:
        yield place / name
