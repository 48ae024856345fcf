"""Faces in an InsightFace pack: `train.rec`, `train.idx`, `property` and, from our own writer, `names.txt`."""

import logging
from pathlib import Path

import numpy as np

from mfn.errors import BrokenImageError, DataError
from mfn.images.copies import read_copies
from mfn.images.decode import decode_rgb
from mfn.packs.insightface import PackProperty, read_layout, read_property
from mfn.packs.pack_files import existing_pack, packs_in
from mfn.packs.pack_names import read_names
from mfn.packs.recordio import IndexedRecordReader
from mfn.sources.roots import existing_root, given_path

logger = logging.getLogger(__name__)


class RecordDataset:
    """The images of a pack, in the order of their keys.

    Class count and image size come from the records; a `property` file that says otherwise is told in the
    log.

    Attributes:
        keys: int64 (N,), record key of each image.
        copies: Which images come again as a variant, after the others; None where nobody asked for them.
        is_main: Whether what else lies in the folder, such as `names.txt`, is about this pack.
        passed_over: Records that are damaged, as far as it is known without decoding all images.

    Args:
        root: Folder with `train.rec`, or any `.rec`; `train.idx` (rebuilt where missing), `property` and `names.txt`
            are optional.
        pack: Another pack in that folder, such as `val`.
        virtual_copies: Also give the copies listed in `variants.tsv`, to train on; nothing is judged on those.

    Raises:
        DataError: The folder or the pack is missing or damaged.
    """

    def __init__(self, root: str | Path, pack: str = "train", virtual_copies: bool = False) -> None:
        place = given_path(root)
        records = existing_pack(place if place.is_file() else existing_root(place), pack)
        folder = records.parent
        if place != records and records.stem.casefold() != pack.casefold():
            logger.warning("%s holds no %s.rec; taking %s, the only pack there", folder, pack, records.name)
        # What else lies in the folder is about train.rec, or about the one pack there.
        self.is_main = is_main = records.stem.casefold() == "train" or len(packs_in(folder)) == 1
        claimed = read_property(folder / "property") if is_main and (folder / "property").is_file() else None
        self.name = folder.name if is_main else records.stem
        self._reader = IndexedRecordReader(records)
        layout = read_layout(self._reader, claimed.num_classes if claimed else None)
        self.labels = layout.labels
        self.keys = layout.keys
        self._offsets = self._reader.offsets_of(self.keys)  # found once, not for each image
        self.passed_over = layout.left_out
        self.label_names = read_names(folder, self.labels) if is_main else None
        self.copies = read_copies(folder, self.keys) if is_main and virtual_copies else None
        if sentence := self.passed_over.sentence():
            logger.warning("%s: left out %s", records, sentence)
        if claimed is not None:
            self._check_property(folder / "property", claimed)
        if self.copies is not None:
            origins = self.copies.origins
            self.labels, self.keys, self._offsets = self.labels[origins], self.keys[origins], self._offsets[origins]

    @property
    def names(self) -> list[str]:
        """What each image is called within the pack."""
        return [f"record {key}" for key in self.keys.tolist()]

    def __len__(self) -> int:
        return self.keys.size

    def image(self, index: int) -> np.ndarray:
        """Decodes image `index`: uint8 (H, W, 3) RGB.

        Raises:
            BrokenImageError: Its record or the image in it is damaged.
        """
        try:
            return decode_rgb(self._payload(index))
        except BrokenImageError as error:
            raise BrokenImageError(f"{self.describe(index)}: {error}") from None

    def encoded(self, index: int) -> bytes:
        """The record's image as it is stored; raises as `image` does for its record."""
        return bytes(self._payload(index))

    def describe(self, index: int) -> str:
        """Names the record of image `index`."""
        return f"{self._reader.rec_path.name} record {self.keys[index]}"

    def _payload(self, index: int) -> memoryview:
        try:
            return self._reader.payload(int(self.keys[index]), int(self._offsets[index]))
        except DataError as error:
            raise BrokenImageError(str(error)) from None

    def _check_property(self, path: Path, claimed: PackProperty) -> None:
        found = np.unique(self.labels).size
        if claimed.num_classes != found:
            logger.warning("%s says %d classes, the records hold %d", path, claimed.num_classes, found)
        try:
            height, width = self.image(0).shape[:2]
        except BrokenImageError:
            return
        if (claimed.height, claimed.width) != (height, width):
            logger.warning(
                "%s says images of %dx%d, the first one is %dx%d",
                *(path, claimed.height, claimed.width, height, width),
            )
