"""Faces in an InsightFace pack: `train.rec`, `train.idx`, `property` and, from our own writer, `names.txt`."""

import logging
from pathlib import Path

import numpy as np

from mfn.data.copies import read_copies
from mfn.data.decode import decode_rgb
from mfn.data.pack import read_layout, read_property
from mfn.data.pack_names import read_names
from mfn.data.recordio import IndexedRecordReader
from mfn.data.roots import existing_root
from mfn.errors import BrokenImageError, DataError

logger = logging.getLogger(__name__)


class RecordDataset:
    """The images of a pack, in the order of their keys.

    Class count and image size come from the records; a `property` file that says otherwise is told in the
    log.

    Attributes:
        keys: int64 (N,), record key of each image.
        copies: which images come again as a variant, after the others; None where nobody asked for them.

    Args:
        root: folder with `train.rec`; `train.idx` (rebuilt where missing), `property` and `names.txt` are optional.
        pack: another pack in that folder, such as `val`.
        virtual_copies: also give the copies listed in `variants.tsv`, to train on; nothing is judged on those.

    Raises:
        DataError: the folder or the pack is missing or damaged.
    """

    def __init__(self, root: str | Path, pack: str = "train", virtual_copies: bool = False) -> None:
        folder = existing_root(root)
        if not (folder / f"{pack}.rec").is_file():
            raise DataError(
                f"{folder} holds no {pack}.rec: data.root must be the folder of an InsightFace pack "
                "(train.rec, train.idx, property). For one folder of pictures per person use data=folder"
            )
        self.name = folder.name
        self._reader = IndexedRecordReader(folder / f"{pack}.rec")
        layout = read_layout(self._reader)
        self.labels = layout.labels
        self.keys = layout.keys
        # What else lies in the folder is about train.rec.
        is_train = pack == "train"
        self.label_names = read_names(folder, self.labels) if is_train else None
        self.copies = read_copies(folder, self.keys) if is_train and virtual_copies else None
        if is_train and (folder / "property").is_file():
            self._check_property(folder / "property")
        if self.copies is not None:
            self.labels, self.keys = self.labels[self.copies.origins], self.keys[self.copies.origins]

    @property
    def names(self) -> list[str]:
        """What each image is called within the pack."""
        return [f"record {key}" for key in self.keys.tolist()]

    def __len__(self) -> int:
        return self.keys.size

    def image(self, index: int) -> np.ndarray:
        """Decode image `index`: uint8 (H, W, 3) RGB."""
        try:
            return decode_rgb(self._reader.payload(int(self.keys[index])))
        except BrokenImageError as error:
            raise BrokenImageError(f"{self.describe(index)}: {error}") from None

    def encoded(self, index: int) -> bytes:
        """Return the record's image as it is stored."""
        return bytes(self._reader.payload(int(self.keys[index])))

    def describe(self, index: int) -> str:
        """Name the record of image `index`."""
        return f"{self._reader.rec_path.name} record {self.keys[index]}"

    def _check_property(self, path: Path) -> None:
        claimed = read_property(path)
        found = np.unique(self.labels).size
        if claimed.num_classes != found:
            logger.warning("%s says %d classes, the records hold %d", path, claimed.num_classes, found)
        height, width = self.image(0).shape[:2]
        if (claimed.height, claimed.width) != (height, width):
            logger.warning(
                "%s says images of %dx%d, the first one is %dx%d",
                *(path, claimed.height, claimed.width, height, width),
            )
