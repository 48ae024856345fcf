"""Random access to RecordIO files, and writing them, without MXNet."""

import logging
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np

from mfn.errors import DataError
from mfn.files.mapped import mapped
from mfn.packs.frames import FrameError, end_of_record, join_frames, split_frames
from mfn.packs.pack_files import beside
from mfn.packs.record import Record, pack_record, unpack_payload, unpack_record
from mfn.packs.record_index import parse_index, rebuild_index

T = TypeVar("T")

logger = logging.getLogger(__name__)


class IndexedRecordReader:
    """Records of a memory-mapped `.rec` file by key.

    Payloads are views of the map, so reading copies nothing. Neither file nor index is pickled: a worker process
    maps the file again when it first reads.

    Args:
        rec_path: The records.
        idx_path: Their index; by default the `.idx` beside them. Where it is missing it is rebuilt by
            scanning the records, and keys count from 0.

    Attributes:
        is_rebuilt: Whether the index was missing.
        lost: int64, the keys that the index places where no record can be.

    Raises:
        DataError: The file is missing or empty, the index is malformed, or at least half of it points outside the file.
    """

    def __init__(self, rec_path: str | Path, idx_path: str | Path | None = None) -> None:
        self.rec_path = Path(rec_path)
        self.idx_path = Path(idx_path) if idx_path is not None else beside(self.rec_path, ".idx")
        self.is_rebuilt = not self.idx_path.is_file()
        keys, offsets = self._index
        self.lost = keys[(offsets < 0) | (offsets >= len(self._file)) | (offsets % 4 != 0)]
        if 2 * self.lost.size >= keys.size:
            raise self._outside(int(self.lost[0]))

    @property
    def keys(self) -> np.ndarray:
        """int64 (N,), ascending."""
        return self._index[0]

    @property
    def size(self) -> int:
        """Bytes of the records."""
        return len(self._file)

    @property
    def listed_to(self) -> int:
        """Where the record that the index places last ends; beyond the file where that record is cut short."""
        _, offsets = self._index
        last = int(offsets[offsets < self.size].max(initial=0))
        try:
            return end_of_record(self._file, last)
        except FrameError:
            return self.size + 1

    @cached_property
    def words(self) -> np.ndarray:
        """The whole file as uint32 words, to look at many records at once."""
        return np.frombuffer(self._file, "<u4", count=len(self._file) // 4)

    def __len__(self) -> int:
        return self.keys.size

    def __getitem__(self, key: int) -> Record:
        """The record under `key`.

        Raises:
            DataError: No such key, or the bytes at its offset are no record.
        """
        return self._read(key, unpack_record)

    def payload(self, key: int, offset: int | None = None) -> memoryview:
        """Only the encoded image under `key`, in less time; raises as `reader[key]` does.

        Args:
            key: Of the record.
            offset: Where it lies, for those who keep what `offsets_of` gave.
        """
        return self._read(key, unpack_payload) if offset is None else self._read_at(key, offset, unpack_payload)

    def offsets_of(self, keys: np.ndarray) -> np.ndarray:
        """The byte offsets of `keys`, int64 of the same shape.

        Raises:
            DataError: A key that is not in the index.
        """
        positions = self.keys.searchsorted(keys)
        found = self.keys.take(positions, mode="clip") == keys
        if not found.all():
            raise DataError(f"{self.rec_path} has no record {keys[~found][0]}")
        return self._index[1][positions]

    def _read(self, key: int, unpack: Callable[[memoryview], T]) -> T:
        keys, offsets = self._index
        position = keys.searchsorted(key)
        if position == keys.size or keys[position] != key:
            raise DataError(f"{self.rec_path} has no record {key}")
        return self._read_at(key, int(offsets[position]), unpack)

    def _read_at(self, key: int, offset: int, unpack: Callable[[memoryview], T]) -> T:
        try:
            return unpack(join_frames(self._file, offset))
        except FrameError as error:
            if key in self.lost:
                raise self._outside(key) from None
            raise DataError(f"{self.rec_path} record {key} at offset {offset}: {error}") from None

    def _outside(self, key: int) -> DataError:
        return DataError(
            f"{self.idx_path}: key {key} points at offset {self.offsets_of(np.array([key]))[0]}, which is no place for "
            f"a record in {self.rec_path.name} of {len(self._file)} bytes: the two do not belong together, or the "
            "records are cut short"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_file", "_index", "words")}

    @cached_property
    def _file(self) -> memoryview:
        if not (file := mapped(self.rec_path)):
            raise DataError(f"{self.rec_path} is empty")
        return file

    @cached_property
    def _index(self) -> tuple[np.ndarray, np.ndarray]:
        file = self._file
        if not self.idx_path.is_file():
            logger.warning("%s is missing: scanning %s to rebuild it", self.idx_path, self.rec_path.name)
            return rebuild_index(self.rec_path, file)
        return parse_index(self.idx_path)


class RecordWriter:
    """Write a `.rec` file and its `.idx`, byte for byte as MXNet does.

    Both are written under temporary names. `close()`, or leaving the `with` block, gives them their names;
    an exception inside the block removes them instead.
    """

    def __init__(self, rec_path: str | Path, idx_path: str | Path) -> None:
        self._targets = Path(rec_path), Path(idx_path)
        self._partial = tuple(path.with_name(path.name + ".part") for path in self._targets)
        self._rec, self._idx = (path.open("wb") for path in self._partial)

    def write(self, key: int, record: Record) -> None:
        """Appends one record.

        Raises:
            DataError: The record is too long, or its labels are not as many as its flag says.
        """
        offset = self._rec.tell()
        try:
            self._rec.write(split_frames(pack_record(record)))
        except FrameError as error:
            raise DataError(f"{self._targets[0]} record {key} at offset {offset}: {error}") from None
        self._idx.write(b"%d\t%d\n" % (key, offset))

    def close(self) -> None:
        """Gives the finished files their names."""
        if self._rec.closed:
            return
        try:
            self._rec.close()
            self._idx.close()
            # Without its old index a new .rec can never be read by offsets of the old one.
            self._targets[1].unlink(missing_ok=True)
            for partial, target in zip(self._partial, self._targets, strict=True):
                partial.replace(target)
        except BaseException:
            self._discard()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._discard()

    def _discard(self) -> None:
        for file, partial in zip((self._rec, self._idx), self._partial, strict=True):
            file.close()
            partial.unlink(missing_ok=True)
