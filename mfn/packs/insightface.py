"""InsightFace's way to lay out identities in a RecordIO pack.

Record 0 has no payload and two labels: (first key after the images, first key after the identity records).
An identity record has two labels: (its first image key, the key after its last). An image's own first label
is its identity. Packs without record 0 hold images only, from any key on.

No number of a file is believed before it fits the others, and nothing is allocated by one.
"""

import logging
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfn.errors import DataError
from mfn.images.passed_over import PassedOver
from mfn.packs.pack_list import EXACT, exact_labels
from mfn.packs.record_heads import describes_the_pack, read_labels
from mfn.packs.recordio import IndexedRecordReader

logger = logging.getLogger(__name__)

_FEW = 0.01
"""Share of a pack that may be missing."""
_STRAY = 0.001
"""Share of labels that may be out of range by damage, rather than because the pack has such labels."""
_SMALLEST_RECORD = 32
_DAMAGED, _ODD = "damaged records", "records whose label is no person's number"


@dataclass(frozen=True, slots=True)
class PackLayout:
    """The images of a pack.

    Attributes:
        keys: int64 (N,), record key of each image.
        labels: int64 (N,), raw label of each image.
        left_out: Records that are damaged or name nobody, as far as this is known without reading the images.
    """

    keys: np.ndarray
    labels: np.ndarray
    left_out: PassedOver


@dataclass(frozen=True, slots=True)
class PackProperty:
    """What the file `property` claims about a pack: number of classes, image height and width."""

    num_classes: int
    height: int
    width: int


def read_layout(reader: IndexedRecordReader, claimed_classes: int | None = None) -> PackLayout:
    """Finds a pack's images and labels without decoding any image.

    With identity records the header of one image per identity is enough; without them every image's header
    is read, which on a cold disk means touching the whole file once.

    Args:
        reader: Of its records.
        claimed_classes: Number of people by another source, which tells whether labels were merged.

    Raises:
        DataError: No images, an index or records cut short, labels that a float32 cannot hold, or most records damaged.
    """
    left_out = PassedOver()
    _check_ends(reader, left_out)
    header = _pack_header(reader, left_out)
    if header is None:
        keys = reader.keys[~describes_the_pack(reader, reader.keys)]
        if keys.size == 0:
            raise DataError(_no_image(reader))
        labels = read_labels(reader, keys)
    else:
        keys = _image_keys(reader, header[0], left_out)
        labels = _labels_by_identity(reader, keys, *header)
        if labels is None:
            labels = read_labels(reader, keys)
    labels[np.isin(keys, reader.lost)] = np.nan
    is_huge = labels >= EXACT
    is_stray = is_huge & (is_huge.sum() <= _STRAY * keys.size)
    is_wrong = ~np.isfinite(labels) | (labels != np.floor(labels)) | (labels < 0) | is_stray
    _leave_out(reader, keys[is_wrong], labels[is_wrong], keys.size, left_out)
    keys, labels = keys[~is_wrong], labels[~is_wrong]
    if (labels >= EXACT).any():
        return PackLayout(keys, exact_labels(reader.rec_path, keys, labels, claimed_classes), left_out)
    return PackLayout(keys, labels.astype(np.int64), left_out)


def read_property(path: Path) -> PackProperty:
    """Reads a `property` file, one line of `classes,height,width`; more numbers behind these are passed over.

    Raises:
        DataError: It holds anything else.
    """
    text = path.read_text(encoding="utf-8-sig", errors="replace")[:200].strip().rstrip(",;")
    try:
        num_classes, height, width, *_ = (int(float(field)) for field in re.split(r"[\s,;]+", text))
    except (ValueError, OverflowError):
        raise DataError(f"{path} holds {text[:40]!r}, not 'classes,height,width': correct or remove it") from None
    return PackProperty(num_classes, height, width)


def _check_ends(reader: IndexedRecordReader, left_out: PassedOver) -> None:
    """Makes sure that index and records reach equally far.

    Raises:
        DataError: The records are cut short.
    """
    if reader.is_rebuilt:
        return
    end, size = reader.listed_to, reader.size
    gone = reader.lost.size + 1 if end > size else 0
    if gone > max(1, _FEW * len(reader)):
        index = reader.idx_path.name
        raise DataError(
            f"{reader.rec_path} is cut short: {gone} of the {len(reader)} records that {index} lists are not in its "
            f"{size} bytes: fetch it again, or remove {index} to go on with those that are there"
        )
    if end > size:
        logger.warning("%s is cut short: its last record is not whole", reader.rec_path)
    if end < size:
        share = (size - end) / size
        left_out.add(f"{share:.2%} of {reader.rec_path.name}", "stretches of records that the index does not list")


def _no_image(reader: IndexedRecordReader) -> str:
    if reader.is_rebuilt:
        return f"{reader.rec_path} holds no image, only what describes a pack: fetch it again"
    index = reader.idx_path
    return f"{index} lists no image, only what describes the pack: remove {index.name} to have it rebuilt"


def _pack_header(reader: IndexedRecordReader, left_out: PassedOver) -> tuple[int, int] | None:
    """The ends of images and identity records from record 0; None where there is none that can be believed."""
    if len(reader) == 0 or reader.keys[0] != 0:
        return None
    try:
        record = reader[0]
    except DataError:
        return None  # it counts as one of the images then, a damaged one
    if record.flag < 2 or len(record.payload) > 0:
        return None
    end, identity_end = map(float, record.labels[:2])
    if not (end.is_integer() and 2 <= end <= reader.size / _SMALLEST_RECORD):
        left_out.add("record 0", _DAMAGED)
        return None
    end = _exact_end(reader, int(end))
    return end, int(identity_end) if np.isfinite(identity_end) else end


def _exact_end(reader: IndexedRecordReader, end: int) -> int:
    """The first key after the images. Past 2**24 record 0 is only as exact as a float32 there.

    The first identity record tells, where there is one.
    """
    if end < EXACT:
        return end
    spacing = int(np.spacing(np.float32(end)))
    near = reader.keys[(reader.keys >= end - spacing) & (reader.keys <= end + spacing)]
    describing = near[describes_the_pack(reader, near)]
    return int(describing[0]) if describing.size else end


def _image_keys(reader: IndexedRecordReader, end: int, left_out: PassedOver) -> np.ndarray:
    keys = reader.keys[(reader.keys > 0) & (reader.keys < end)]
    unlisted = end - 1 - keys.size
    tolerated = np.inf if reader.is_rebuilt else max(_FEW * end, np.spacing(np.float32(end)))
    if keys.size == 0 or unlisted > tolerated:
        raise DataError(
            f"{reader.idx_path} lists {keys.size} of the {end - 1} images that record 0 of the pack announces: the "
            "index or the pack is cut short; remove the index to have it rebuilt from the records that are there"
        )
    if unlisted and end < EXACT:
        left_out.add(reader.rec_path.name, "images that the index does not list", unlisted)
    return keys


def _labels_by_identity(
    reader: IndexedRecordReader, keys: np.ndarray, image_end: int, identity_end: int
) -> np.ndarray | None:
    """Spreads one label per identity over its range of keys; None where the ranges cannot be trusted.

    They cannot past 2**24 images, where float32 holds no exact key.
    """
    identities = reader.keys[(reader.keys >= image_end) & (reader.keys < identity_end)]
    try:
        ranges = [reader[key].labels for key in identities.tolist()]
    except DataError:
        return None
    if not ranges or any(labels.size != 2 for labels in ranges):
        return None
    starts, ends = np.array(ranges, np.float64).T
    order = np.argsort(starts, kind="stable")
    order = order[starts[order] < ends[order]]
    starts, ends = starts[order], ends[order]
    tile = starts.size > 0 and np.array_equal(starts[1:], ends[:-1]) and (starts == np.floor(starts)).all()
    if not tile or (starts[0], ends[-1]) != (keys[0], keys[-1] + 1) or keys[-1] - keys[0] + 1 != keys.size:
        return None
    starts, ends = starts.astype(np.int64), ends.astype(np.int64)
    first, last = read_labels(reader, starts), read_labels(reader, ends - 1)
    if (np.isnan(first) & np.isnan(last)).any() or (~np.isnan(first) & ~np.isnan(last) & (first != last)).any():
        return None
    return np.repeat(np.where(np.isnan(first), last, first), ends - starts)


def _leave_out(
    reader: IndexedRecordReader, keys: np.ndarray, labels: np.ndarray, total: int, left_out: PassedOver
) -> None:
    """Counts the images that cannot be read or name nobody.

    Raises:
        DataError: These are at least half, or more than a few labels are no whole numbers.
    """
    if 2 * keys.size >= max(total, 1):
        first = f": {_why(reader, int(keys[0]), labels[0])[1]}" if keys.size else ""
        raise DataError(f"{reader.rec_path}: {keys.size} of {total} images cannot be used{first}")
    for key, label in zip(keys.tolist(), labels.tolist(), strict=True):
        reason, sentence = _why(reader, key, label)
        left_out.add(f"record {key}", reason)
        if left_out.counts[_ODD] > _FEW * total:
            raise DataError(sentence)


def _why(reader: IndexedRecordReader, key: int, label: float) -> tuple[str, str]:
    """Why the image under a key cannot be used, as a kind and as a sentence."""
    try:
        label = float(reader[key].labels[0])
    except DataError as error:
        return _DAMAGED, str(error)
    kind = "records with a label below 0" if label < 0 and label.is_integer() else _ODD
    must = "labels must be whole numbers from 0 on, one per identity"
    return kind, f"{reader.rec_path} record {key} has the label {label}: {must}"
