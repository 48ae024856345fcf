"""Small sources and packs for the tests."""

from pathlib import Path

import cv2
import numpy as np

from mfn.errors import BrokenImageError
from mfn.packs.record import Record
from mfn.packs.recordio import RecordWriter


class ArraySource:
    """Plain images whose pixels tell their index; some may be broken."""

    name = "arrays"
    label_names = None

    def __init__(self, labels: list[int], size: tuple[int, int] = (8, 6), broken: tuple[int, ...] = ()) -> None:
        self.labels = np.array(labels, np.int64)
        self.size = size
        self.broken = broken

    def __len__(self) -> int:
        return self.labels.size

    def image(self, index: int) -> np.ndarray:
        if index in self.broken:
            raise BrokenImageError(f"{self.describe(index)}: broken on purpose")
        return np.random.default_rng(index).integers(0, 256, (*self.size, 3), dtype=np.uint8)

    def describe(self, index: int) -> str:
        return f"array {index}"


def jpeg(seed: int, size: tuple[int, int] = (16, 16)) -> bytes:
    """A JPEG of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    return cv2.imencode(".jpg", pixels)[1].tobytes()


def image_record(key: int, label: float) -> Record:
    return Record(0, np.array([label], np.float32), key, 0, jpeg(key))


def write_pack(folder: Path, people: dict[float, int], first_key: int | None = None) -> Path:
    """Writes a pack with `people[label]` images each; with record 0 unless a first key is given."""
    labels = [label for label, count in people.items() for _ in range(count)]
    start = 1 if first_key is None else first_key
    end = start + len(labels)
    with RecordWriter(folder / "train.rec", folder / "train.idx") as writer:
        if first_key is None:
            writer.write(0, Record(2, np.array([end, end + len(people)], np.float32), 0, 0, b""))
        for key, label in enumerate(labels, start):
            writer.write(key, image_record(key, label))
        if first_key is None:
            for key, count in enumerate(people.values(), end):
                writer.write(key, Record(2, np.array([start, start + count], np.float32), key, 0, b""))
                start += count
    return folder
