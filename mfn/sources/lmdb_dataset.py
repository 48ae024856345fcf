"""Faces in an LMDB database, as Notre Dame's training sets and many others are published."""

import logging
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mfn.errors import BrokenImageError
from mfn.files.mapped import mapped
from mfn.images.decode import decode_rgb
from mfn.images.passed_over import PassedOver
from mfn.packs.lmdb.face_value import ValueRefusedError, face_in
from mfn.packs.lmdb.faces import find_faces
from mfn.packs.lmdb.place import existing_database
from mfn.packs.lmdb.tree import shown
from mfn.sources.labels import labels_of
from mfn.sources.roots import given_path
from mfn.text import printable

logger = logging.getLogger(__name__)


class LmdbDataset:
    """The images of one LMDB file, in the order of its `__keys__`.

    A record is `(encoded image, label)` in MessagePack or a plain pickle, see `mfn.packs.lmdb.face_value`; nothing in a
    pickle is run. LMDB itself is not needed, the file may be read-only, and of a damaged one the rest is read. The
    labels of all records are read at the start: turn millions of records into a pack with `mfn prepare`.

    Attributes:
        labels: int64 (N,); where identities are words, in the order of these.
        label_names: Name of each raw label, or None where identities are numbers.
        passed_over: Records that are damaged or hold no face, as far as it is known without decoding the images.

    Args:
        root: The file, the folder that LMDB made of it (`data.mdb`), or one that holds one such file or folder.

    Raises:
        ConfigError: The path is not given, or none.
        DataError: There is no such file, or most of it are no faces.
    """

    def __init__(self, root: str | Path) -> None:
        place = given_path(root)
        path = existing_database(place)
        self.name = (path.parent if path.suffix == ".mdb" else path).stem
        self.passed_over = PassedOver()
        self._path = path
        faces = find_faces(path, self._file, self.passed_over)
        self._keys, self._starts, self._ends = faces.keys, faces.starts, faces.ends
        self.labels, self.label_names = labels_of(faces.identities)
        if sentence := self.passed_over.sentence():
            logger.warning("%s: left out %s", place, sentence)

    def __len__(self) -> int:
        return self.labels.size

    @property
    def names(self) -> list[str]:
        """The key of each image."""
        return [printable(shown(self._keys[index])) for index in range(len(self))]

    def image(self, index: int) -> np.ndarray:
        """Decodes image `index`: uint8 (H, W, 3) RGB.

        Raises:
            BrokenImageError: Its record or the image in it is damaged.
        """
        try:
            return decode_rgb(self._read(index))
        except (BrokenImageError, ValueRefusedError) as error:
            raise BrokenImageError(f"{self.describe(index)}: {error}") from None

    def encoded(self, index: int) -> bytes:
        """Image `index` as it is stored; raises as `image` does for its record."""
        try:
            return self._read(index)
        except ValueRefusedError as error:
            raise BrokenImageError(f"{self.describe(index)}: {error}") from None

    def describe(self, index: int) -> str:
        """Names the record of image `index`."""
        return f"{self._path.name} {printable(shown(self._keys[index]))}"

    def _read(self, index: int) -> bytes:
        return face_in(self._file[self._starts[index] : self._ends[index]])[0]

    @cached_property
    def _file(self) -> memoryview:
        return mapped(self._path)

    def __getstate__(self) -> dict[str, Any]:
        # A worker process maps the file again.
        return {name: value for name, value in self.__dict__.items() if name != "_file"}
