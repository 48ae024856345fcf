"""InsightFace's way to lay out identities in a RecordIO pack.

Record 0 has no payload and two labels: (first key after the images, first key after the identity records).
An identity record has two labels: (its first image key, the key after its last). An image's own first label
is its identity. Packs without record 0 hold images only, from any key on.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfn.data.frames import LENGTH_BITS, MAGIC, MAX_LENGTH
from mfn.data.recordio import IndexedRecordReader
from mfn.errors import DataError


@dataclass(frozen=True, slots=True)
class PackLayout:
    """The images of a pack.

    Attributes:
        keys: int64 (N,), record key of each image.
        labels: int64 (N,), raw label of each image.
    """

    keys: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True, slots=True)
class PackProperty:
    """What the file `property` claims about a pack: number of classes, image height and width."""

    num_classes: int
    height: int
    width: int


def read_layout(reader: IndexedRecordReader) -> PackLayout:
    """Find a pack's images and labels without decoding any image.

    With identity records the header of one image per identity is enough; without them every image's header
    is read, which on a cold disk means touching the whole file once.

    Raises:
        DataError: no images, an index cut short, or labels that are no whole numbers.
    """
    ends = _pack_header(reader)
    if ends is None:
        keys = reader.keys
        labels = read_labels(reader, keys)
    else:
        keys = _image_keys(reader, ends[0])
        labels = _labels_by_identity(reader, keys, *ends)
        if labels is None:
            labels = read_labels(reader, keys)
    wrong = ~(np.isfinite(labels) & (labels == np.floor(labels)))
    if wrong.any():
        first = int(wrong.argmax())
        raise DataError(
            f"{reader.rec_path} record {keys[first]} has the label {labels[first]}: labels must be whole "
            "numbers, one per identity"
        )
    return PackLayout(keys, labels.astype(np.int64))


def read_labels(reader: IndexedRecordReader, keys: np.ndarray) -> np.ndarray:
    """Return the first label of each record, float32 of the shape of `keys`, reading only their headers.

    Raises:
        DataError: a record that is damaged or not there.
    """
    offsets = reader.offsets_of(keys)
    word = offsets // 4  # frame: magic, length; header: flag, label, id (2), id2 (2); then the labels
    words, last = reader.words, reader.words.size - 1
    length = words[np.minimum(word + 1, last)]
    flag = words[np.minimum(word + 2, last)]
    in_header = words[np.minimum(word + 3, last)].view(np.float32)
    after_header = words[np.minimum(word + 8, last)].view(np.float32)
    labels = np.where(flag == 0, in_header, after_header)
    plain = (words[word] == MAGIC) & (length >> LENGTH_BITS == 0) & (length >= np.where(flag == 0, 24, 28))
    plain &= offsets + 8 + (length & MAX_LENGTH) <= 4 * words.size
    for position in np.flatnonzero(~plain):  # split or damaged: the reader joins it or says what is wrong
        labels[position] = reader[int(keys[position])].labels[0]
    return labels


def read_property(path: Path) -> PackProperty:
    """Read a `property` file, one line of `classes,height,width`.

    Raises:
        DataError: it holds anything else.
    """
    text = path.read_text(errors="replace").strip()
    try:
        num_classes, height, width = (int(field) for field in text.split(","))
    except ValueError:
        raise DataError(f"{path} holds {text[:40]!r}, not 'classes,height,width': correct or remove it") from None
    return PackProperty(num_classes, height, width)


def _pack_header(reader: IndexedRecordReader) -> tuple[int, int] | None:
    """Return the ends of images and identity records from record 0, if there is one."""
    if len(reader) == 0 or reader.keys[0] != 0:
        return None
    record = reader[0]
    if record.flag < 2 or len(record.payload) > 0:
        return None
    return int(record.labels[0]), int(record.labels[1])


def _image_keys(reader: IndexedRecordReader, end: int) -> np.ndarray:
    keys = reader.keys[(reader.keys > 0) & (reader.keys < end)]
    # `end` was a float32: past 2**24 it is only as exact as its spacing.
    if keys.size == 0 or end - 1 - keys.size > np.spacing(np.float32(end)):
        raise DataError(
            f"{reader.idx_path} lists {keys.size} of the {end - 1} images that record 0 of the pack "
            "announces: the index or the pack is cut short"
        )
    return keys


def _labels_by_identity(
    reader: IndexedRecordReader, keys: np.ndarray, image_end: int, identity_end: int
) -> np.ndarray | None:
    """Spread one label per identity over its range of keys; None where the ranges cannot be trusted.

    They cannot past 2**24 images, where float32 holds no exact key.
    """
    identities = reader.keys[(reader.keys >= image_end) & (reader.keys < identity_end)]
    ranges = [reader[key].labels for key in identities.tolist()]
    if not ranges or any(labels.size != 2 for labels in ranges):
        return None
    starts, ends = np.array(ranges, np.float64).T
    order = np.argsort(starts, kind="stable")
    order = order[starts[order] < ends[order]]
    starts, ends = starts[order].astype(np.int64), ends[order].astype(np.int64)
    tiled = np.concatenate([np.arange(start, end) for start, end in zip(starts, ends, strict=True)] or [[]])
    if not np.array_equal(tiled, keys):
        return None
    labels = read_labels(reader, starts)
    if not np.array_equal(labels, read_labels(reader, ends - 1)):
        return None
    return np.repeat(labels, ends - starts)
