"""The images of a folder, where nobody asks whom they show."""

import logging
from pathlib import Path

from mfn.errors import DataError
from mfn.images.files import ImageFiles
from mfn.images.folder import find_images
from mfn.images.passed_over import PassedOver
from mfn.text import printable

logger = logging.getLogger(__name__)


class ImageFolder(ImageFiles):
    """The images in a folder and in all folders below it, see `find_images`.

    Attributes:
        names: Path of each image relative to the folder, with forward slashes.
        passed_over: What in the folder is no image.

    Raises:
        DataError: It cannot be opened, or there is no image.
    """

    def __init__(self, folder: Path) -> None:
        self.passed_over = PassedOver()
        try:
            self.names = find_images(folder, self.passed_over)
        except OSError as error:
            raise DataError(f"{folder} cannot be opened ({error.strerror})") from None
        sentence = self.passed_over.sentence()
        if not self.names:
            raise DataError(
                f"{folder} and the folders in it hold no image" + (f"; passed over {sentence}" if sentence else "")
            )
        if sentence:
            logger.info("%s: passed over %s", printable(str(folder)), sentence)
        super().__init__(folder.name, self.names, folder)
