"""Faces in TFRecord files, in the layouts of the older projects, read without TensorFlow."""

import mmap
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mfn.data.decode import decode_rgb
from mfn.data.encode import png
from mfn.data.tfrecords.example import Example, ExampleError
from mfn.data.tfrecords.face_example import identity_in, image_in, text
from mfn.data.tfrecords.tfrecord import TFRecordError, read_record, scan_records
from mfn.errors import BrokenImageError, DataError


class TFRecordDataset:
    """The images of one TFRecord file or of the `*.tfrecord*` files of a folder, in the order of names and records.

    An example holds `label` and `image_raw` (a JPEG or PNG, or raw RGB or grey pixels of the `height`, `width` and
    `depth` beside it), or `image/source_id` and either `image/encoded` or `image/img_path`, a file inside the
    folder of the TFRecord file. Numbers are raw labels; where identities are words, labels follow their order. An
    `image/filename` such as NAME/picture.jpg names the identity. The labels of all records are read at the
    start, some tens of thousands a second: turn millions of records into a pack with `mfn prepare`.

    Attributes:
        labels: int64 (N,).
        label_names: name of each raw label, or None.

    Args:
        root: the folder or file.

    Raises:
        DataError: there are no records, or a file is damaged or holds no faces.
    """

    def __init__(self, root: str | Path) -> None:
        self._paths = _shards(Path(root).expanduser())
        self.name = Path(root).stem
        bounds, identities, folders = [], [], {}
        for path, file in zip(self._paths, self._files, strict=True):
            bounds.append(_bounds(path, file))
            for number, (start, end) in enumerate(bounds[-1].tolist()):
                try:
                    identity, folder = identity_in(Example(file[start:end]))
                except ExampleError as error:
                    raise DataError(f"{path} record {number}: {error}") from None
                identities.append(identity)
                folders.setdefault(identity, folder)
        self._bounds = np.concatenate(bounds)
        self._firsts = np.cumsum([0, *(len(part) for part in bounds)])  # number of each file's first record
        if all(isinstance(identity, int) for identity in identities):
            self.labels = np.array(identities, np.int64)
            named = all(folders.values())
            self.label_names: dict[int, str] | None = folders if named else None
        else:
            words, labels = np.unique([str(identity) for identity in identities], return_inverse=True)
            self.labels = labels.astype(np.int64)
            self.label_names = dict(enumerate(words.tolist()))

    def __len__(self) -> int:
        return self.labels.size

    @property
    def names(self) -> list[str]:
        """File and number of each record."""
        return [self.describe(index) for index in range(len(self))]

    def image(self, index: int) -> np.ndarray:
        """Decode image `index`: uint8 (H, W, 3) RGB.

        Raises:
            BrokenImageError: its record or the image in it is damaged.
        """
        data = self._data(index)
        try:
            return data if isinstance(data, np.ndarray) else decode_rgb(data)
        except BrokenImageError as error:
            raise BrokenImageError(f"{self.describe(index)}: {error}") from None

    def encoded(self, index: int) -> bytes:
        """Return image `index` as it is stored, raw pixels as a PNG; raises as `image` does for its record."""
        data = self._data(index)
        return png(data) if isinstance(data, np.ndarray) else data

    def describe(self, index: int) -> str:
        """Name the record of image `index`."""
        shard = self._shard(index)
        return f"{self._paths[shard].name} record {index - self._firsts[shard]}"

    def _data(self, index: int) -> bytes | np.ndarray:
        """Return the encoded image, or its pixels where those are stored."""
        shard = self._shard(index)
        try:
            example = Example(read_record(self._files[shard], *self._bounds[index].tolist()))
            if path := example["image/img_path"]:
                return _read_inside(self._paths[shard].parent, text(path[0]))
            return image_in(example)
        except OSError as error:
            raise BrokenImageError(f"{self.describe(index)}: {error.filename}: {error.strerror}") from None
        except (TFRecordError, ExampleError) as error:
            raise BrokenImageError(f"{self.describe(index)}: {error}") from None

    def _shard(self, index: int) -> int:
        return int(np.searchsorted(self._firsts, index, side="right")) - 1

    @cached_property
    def _files(self) -> list[memoryview]:
        return [_mapped(path) for path in self._paths]

    def __getstate__(self) -> dict[str, Any]:
        # A worker process maps the files again.
        return {name: value for name, value in self.__dict__.items() if name != "_files"}


def _shards(root: Path) -> list[Path]:
    if root.is_file():
        return [root]
    if found := sorted(path for path in root.glob("*.tfrecord*") if path.is_file()):
        return found
    what = "holds no *.tfrecord* file" if root.is_dir() else "does not exist"
    raise DataError(f"data.root={root} {what}: give a TFRecord file or the folder of some")


def _mapped(path: Path) -> memoryview:
    try:
        with path.open("rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error.strerror}") from None
    except ValueError:
        raise DataError(f"{path} is empty") from None


def _bounds(path: Path, file: memoryview) -> np.ndarray:
    try:
        return scan_records(file)
    except TFRecordError as error:
        raise DataError(f"{path} is damaged or no TFRecord file: {error}") from None


def _read_inside(folder: Path, path: str) -> bytes:
    """Read a file that a record names; files of others must not get into a pack that way."""
    file = (folder / path).resolve()
    if not file.is_relative_to(folder.resolve()):
        raise ExampleError(f"image/img_path {path} is not inside the folder of the TFRecord file")
    return file.read_bytes()
