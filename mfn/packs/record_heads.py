"""The headers of many records at once, without touching their images."""

from typing import NamedTuple

import numpy as np

from mfn.errors import DataError
from mfn.packs.frames import LENGTH_BITS, MAGIC, MAX_LENGTH
from mfn.packs.recordio import IndexedRecordReader


class _Heads(NamedTuple):
    """What the words at the start of N records say; all (N,).

    Attributes:
        is_plain: bool, whether there is a whole record in one piece.
        flag: uint32, number of labels behind the header.
        length: uint32, bytes of the record.
        label: float32, the first one.
    """

    is_plain: np.ndarray
    flag: np.ndarray
    length: np.ndarray
    label: np.ndarray


def read_labels(reader: IndexedRecordReader, keys: np.ndarray) -> np.ndarray:
    """The first label of each record, float32 of the shape of `keys`, reading only their headers.

    Where a record is damaged it is NaN.

    Raises:
        DataError: A key that is not there.
    """
    heads = _heads(reader, keys)
    labels = heads.label
    for position in np.flatnonzero(~heads.is_plain):  # split or damaged
        try:
            labels[position] = reader[int(keys[position])].labels[0]
        except DataError:
            labels[position] = np.nan
    return labels


def describes_the_pack(reader: IndexedRecordReader, keys: np.ndarray) -> np.ndarray:
    """Which records have several labels and no image, as record 0 and identity records do; bool (N,)."""
    heads = _heads(reader, keys)
    return heads.is_plain & (heads.flag >= 2) & (heads.length == 24 + 4 * heads.flag.astype(np.int64))


def _heads(reader: IndexedRecordReader, keys: np.ndarray) -> _Heads:
    offsets = reader.offsets_of(keys)
    words, last = reader.words, reader.words.size - 1
    word = offsets // 4  # frame: magic, length; header: flag, label, id (2), id2 (2); then the labels
    magic, length, flag, in_header, after_header = (
        words[np.clip(word + place, 0, last)] if last >= 0 else np.zeros(keys.size, np.uint32)
        for place in (0, 1, 2, 3, 8)
    )
    is_plain = (magic == MAGIC) & (length >> LENGTH_BITS == 0) & (length >= 24 + 4 * flag.astype(np.int64))
    is_plain &= (offsets >= 0) & (offsets % 4 == 0) & (offsets + 8 + (length & MAX_LENGTH) <= reader.size)
    label = np.where(flag == 0, in_header.view(np.float32), after_header.view(np.float32))
    return _Heads(is_plain, flag, length, label)
