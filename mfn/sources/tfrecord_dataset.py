"""Faces in TFRecord files, in the layouts of the older projects, read without TensorFlow."""

import logging
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mfn.errors import BrokenImageError, DataError
from mfn.files.mapped import mapped
from mfn.images.decode import decode_rgb
from mfn.images.passed_over import PassedOver
from mfn.packs.tfrecords.example import Example, ExampleError
from mfn.packs.tfrecords.face_example import image_in, path_in
from mfn.packs.tfrecords.face_records import find_faces
from mfn.packs.tfrecords.named_files import NamedFiles
from mfn.packs.tfrecords.tfrecord import TFRecordError, read_record
from mfn.sources.encode import png
from mfn.sources.roots import existing_root, given_path

logger = logging.getLogger(__name__)


class TFRecordDataset:
    """The images of one TFRecord file or of the `*.tfrecord*` files of a folder, in the order of names and records.

    An example holds `label` and `image_raw` (a JPEG or PNG, or raw RGB or grey pixels of the `height`, `width` and
    `depth` beside it), or `image/source_id` and either `image/encoded` or the path of a file, `image/img_path` or
    `image/filename`. Numbers are raw labels; where identities are words, labels follow their order. An
    `image/filename` such as NAME/picture.jpg names the identity. The labels of all records are read at the
    start, some tens of thousands a second: turn millions of records into a pack with `mfn prepare`.

    Attributes:
        labels: int64 (N,).
        label_names: Name of each raw label, or None.
        passed_over: What is damaged or holds no face, as far as it is known without decoding the images.

    Args:
        root: The folder or file.
        image_root: Folder of the images, where records hold only their paths, which may begin as they did on another
            machine. By default that of the TFRecord files.

    Raises:
        ConfigError: A path is not given, or none.
        DataError: There are no records, most hold no faces, or no file that they name is there.
    """

    def __init__(self, root: str | Path, image_root: str | Path | None = None) -> None:
        place = given_path(root)
        self.name = place.stem
        self.passed_over = PassedOver()
        self._paths = _shards(place)
        faces = find_faces(self._paths, self._files, self.passed_over)
        self._shards = np.array(faces.shards, np.int32)
        self._numbers = np.array(faces.numbers, np.int64)
        self._bounds = np.array(faces.bounds, np.int64)
        folder = self._paths[0].parent if image_root is None else existing_root(image_root, "image_root")
        self._named = NamedFiles(folder, faces.paths)
        if all(isinstance(identity, int) for identity in faces.identities):
            self.labels = np.array(faces.identities, np.int64)
            named = all(faces.folders.values())
            self.label_names: dict[int, str] | None = dict(faces.folders) if named else None  # type: ignore[arg-type]
        else:
            words, labels = np.unique([str(identity) for identity in faces.identities], return_inverse=True)
            self.labels = labels.astype(np.int64)
            self.label_names = dict(enumerate(words.tolist()))
        if sentence := self.passed_over.sentence():
            logger.warning("%s: left out %s", place, sentence)

    def __len__(self) -> int:
        return self.labels.size

    @property
    def names(self) -> list[str]:
        """File and number of each record."""
        return [self.describe(index) for index in range(len(self))]

    def image(self, index: int) -> np.ndarray:
        """Decodes image `index`: uint8 (H, W, 3) RGB.

        Raises:
            BrokenImageError: Its record or the image in it is damaged.
        """
        data = self._data(index)
        try:
            return data if isinstance(data, np.ndarray) else decode_rgb(data)
        except BrokenImageError as error:
            raise BrokenImageError(f"{self.describe(index)}: {error}") from None

    def encoded(self, index: int) -> bytes:
        """Image `index` as it is stored, raw pixels as a PNG; raises as `image` does for its record."""
        data = self._data(index)
        return png(data) if isinstance(data, np.ndarray) else data

    def describe(self, index: int) -> str:
        """Names the record of image `index`."""
        return f"{self._paths[self._shards[index]].name} record {self._numbers[index]}"

    def _data(self, index: int) -> bytes | np.ndarray:
        """The encoded image, or its pixels where those are stored."""
        try:
            example = Example(read_record(self._files[self._shards[index]], *self._bounds[index].tolist()))
            path = path_in(example)
            return self._named.read(path) if path else image_in(example)
        except OSError as error:
            raise BrokenImageError(f"{self.describe(index)}: {error.filename}: {error.strerror}") from None
        except (TFRecordError, ExampleError) as error:
            raise BrokenImageError(f"{self.describe(index)}: {error}") from None

    @cached_property
    def _files(self) -> list[memoryview]:
        return [mapped(path) for path in self._paths]

    def __getstate__(self) -> dict[str, Any]:
        # A worker process maps the files again.
        return {name: value for name, value in self.__dict__.items() if name != "_files"}


def shards_in(place: Path) -> list[Path]:
    """The `*.tfrecord*` files of a folder, in upper or lower case, sorted; the place itself where it is one."""
    files = place.iterdir() if place.is_dir() else [place]
    return sorted(
        path for path in files if ".tfrecord" in path.name.lower() and not path.name.startswith(".") and path.is_file()
    )


def _shards(root: Path) -> list[Path]:
    if found := [root] if root.is_file() else shards_in(root):
        return found
    raise DataError(f"{root} holds no *.tfrecord* file: give a TFRecord file or the folder of some")
