"""Opening images, whatever they lie in, where nobody asks whom they show."""

import logging
from pathlib import Path

from mfn.data.benchmarks.bin_pack import read_bin
from mfn.data.image_files import ImageFiles
from mfn.data.image_folder import find_images
from mfn.data.pack_files import find_pack
from mfn.data.passed_over import PassedOver
from mfn.data.record_dataset import RecordDataset
from mfn.data.roots import existing_root, given_path
from mfn.data.source import ImageSource
from mfn.data.tfrecords.tfrecord_dataset import TFRecordDataset
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
    if find_pack(place) is not None:
        return RecordDataset(place)
    if ".tfrecord" in place.name or any(place.glob("*.tfrecord*")):
        return TFRecordDataset(place)
    return _open_folder(existing_root(place, key))


def _open_folder(folder: Path) -> ImageSource:
    passed_over = PassedOver()
    try:
        names = find_images(folder, passed_over)
    except OSError as error:
        raise DataError(f"{folder} cannot be opened ({error.strerror})") from None
    told = passed_over.sentence()
    if not names:
        raise DataError(f"{folder} and the folders in it hold no image" + (f"; passed over {told}" if told else ""))
    if told:
        logger.info("%s: passed over %s", printable(str(folder)), told)
    return ImageFiles(folder.name, names, folder)
