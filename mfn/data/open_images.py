"""Opening images, whatever they lie in, where nobody asks whom they show."""

import logging
from pathlib import Path

from mfn.data.benchmarks.bin_pack import read_bin
from mfn.data.image_files import ImageFiles
from mfn.data.image_folder import find_images
from mfn.data.open_faces import records_at
from mfn.data.passed_over import PassedOver
from mfn.data.roots import existing_root, given_path
from mfn.data.source import ImageSource
from mfn.errors import DataError
from mfn.text import printable

logger = logging.getLogger(__name__)


def open_images(root: str | Path, key: str = "root") -> ImageSource:
    """Open the images at a place.

    Args:
        root: a `.bin` verification pack; an InsightFace pack or TFRecord files, the file or its folder; or a folder
            with images in it or in folders below it, see `find_images`.
        key: what the configuration calls it, for messages.

    Raises:
        ConfigError: it is not given, or no path.
        DataError: there is none of these.
    """
    place = given_path(root, key)
    if place.is_file() and place.suffix.lower() == ".bin":
        return read_bin(place).source
    return records_at(place) or ImageFolder(existing_root(place, key))


class ImageFolder(ImageFiles):
    """The images in a folder and in all folders below it, see `find_images`.

    Attributes:
        names: path of each image relative to the folder, with forward slashes.
        passed_over: what in the folder is no image.

    Raises:
        DataError: it cannot be opened, or there is no image.
    """

    def __init__(self, folder: Path) -> None:
        self.passed_over = PassedOver()
        try:
            self.names = find_images(folder, self.passed_over)
        except OSError as error:
            raise DataError(f"{folder} cannot be opened ({error.strerror})") from None
        told = self.passed_over.sentence()
        if not self.names:
            raise DataError(f"{folder} and the folders in it hold no image" + (f"; passed over {told}" if told else ""))
        if told:
            logger.info("%s: passed over %s", printable(str(folder)), told)
        super().__init__(folder.name, self.names, folder)
