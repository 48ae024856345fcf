"""Faces in Parquet files, as image sets on the Hugging Face hub are published, and in those of `save_to_disk`."""

import logging
from pathlib import Path

import numpy as np

from mfn.errors import BrokenImageError
from mfn.images.decode import decode_rgb
from mfn.images.passed_over import PassedOver
from mfn.packs.parquet.faces import find_faces
from mfn.packs.parquet.pages import DamagedPageError
from mfn.sources.labels import labels_of
from mfn.sources.roots import given_path
from mfn.text import printable

logger = logging.getLogger(__name__)


class ParquetDataset:
    """The images of the files of one split, in the order of their names and rows.

    The bytes of an image are taken from the file where they lie; only labels are read at the start. Labels are numbers,
    named where the file, the set's card or `dataset_info.json` names them, or words. The library `datasets` is not
    needed, pyarrow is.

    Attributes:
        labels: int64 (N,); where identities are words, in the order of these.
        label_names: Name of each raw label, or None.
        passed_over: Files and rows that are damaged or hold no face, as far as it is known without decoding the images.

    Args:
        root: Folder of the files, such as a repository of the hub, or one of them.
        split: Which split of several; None takes train, or the only one.
        image_column: Column of the images, bytes or `{"bytes", "path"}`; None looks for it.
        label_column: Column of the labels; None looks for it.

    Raises:
        ConfigError: The path is not given; a split or a column does not exist, or it is not clear which one is meant.
        DataError: There are no such files, they are damaged, or they hold no images.
    """

    def __init__(
        self,
        root: str | Path,
        split: str | None = None,
        image_column: str | None = None,
        label_column: str | None = None,
    ) -> None:
        place = given_path(root)
        self.name = place.stem
        self.passed_over = PassedOver()
        self._faces = find_faces(place, split, image_column, label_column, self.passed_over)
        self.labels, words = labels_of(self._faces.identities)
        names = self._faces.names
        numbers = np.unique(self.labels).tolist()
        named = {number: names.get(number, str(number)) for number in numbers} if names else None
        self.label_names: dict[int, str] | None = words or named
        self._faces.identities = []  # other processes need them not
        if sentence := self.passed_over.sentence():
            logger.warning("%s: left out %s", place, sentence)

    @property
    def paths(self) -> list[Path]:
        """The files."""
        return self._faces.paths

    def __len__(self) -> int:
        return self.labels.size

    @property
    def names(self) -> list[str]:
        """File and row of each image."""
        return [self.describe(index) for index in range(len(self))]

    def image(self, index: int) -> np.ndarray:
        """Decodes image `index`: uint8 (H, W, 3) RGB.

        Raises:
            BrokenImageError: It cannot be read or decoded.
        """
        data = self._read(index)
        try:
            return decode_rgb(data)
        except BrokenImageError as error:
            raise BrokenImageError(f"{self.describe(index)}: {error}") from None

    def encoded(self, index: int) -> bytes:
        """Image `index` as it is stored; raises as `image` does where it cannot be read."""
        return bytes(self._read(index))

    def describe(self, index: int) -> str:
        """Names the file and the row of image `index`."""
        faces = self._faces
        return printable(f"{faces.paths[faces.files[index]].name} row {faces.rows[index]}")

    def _read(self, index: int) -> memoryview:
        faces = self._faces
        try:
            data = faces.columns[faces.files[index]].value(int(faces.rows[index]))
        except DamagedPageError:
            raise BrokenImageError(f"{self.describe(index)}: its part of the file is damaged") from None
        if data is None:
            raise BrokenImageError(f"{self.describe(index)}: it holds no image")
        return data
