"""TFRecord framing: how records lie in a `.tfrecord` file.

A record is its length (uint64), the masked CRC-32C of those 8 bytes (uint32), the data, and the masked CRC-32C of
the data (uint32), all little-endian; the mask keeps a file that holds checksums from looking like one. Records
follow each other with nothing between, so that finding them takes a walk over their heads. See TensorFlow's
"TFRecord and tf.train.Example".
"""

import struct

import google_crc32c
import numpy as np

from mfn.packs.frames import Gap

_HEAD = struct.Struct("<QI")
_FOOT = struct.Struct("<I")
_MASK = 0xA282EAD8
_POLYNOMIAL = 0x82F63B78  # of CRC-32C, bits reversed
_PART, _MOST_SEARCHED = 1 << 18, 1 << 26


class TFRecordError(ValueError):
    """The bytes at an offset are no record; the message says why, the caller knows the file."""


def masked_crc(data: bytes) -> int:
    """The masked CRC-32C (Castagnoli) of `data`."""
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


def scan_records(file: memoryview) -> tuple[np.ndarray, list[Gap]]:
    """Finds every record, checking lengths but not the data; after damage it goes on at the next whole one.

    Returns:
        Where each record's data starts and ends, int64 (N, 2), and the stretches that are no records.
    """
    bounds: list[tuple[int, int]] = []
    gaps: list[Gap] = []
    offset = 0
    while offset < len(file):
        try:
            start, end = _bounds(file, offset)
        except TFRecordError as error:
            after = _next_record(file, offset + 1)
            gaps.append(Gap(offset, after, str(error)))
            offset = after
            continue
        bounds.append((start, end))
        offset = end + _FOOT.size
    return np.array(bounds, np.int64).reshape(-1, 2), gaps


def read_record(file: memoryview, start: int, end: int) -> bytes:
    """The data at these bounds.

    Raises:
        TFRecordError: The data is not what its checksum says.
    """
    data = bytes(file[start:end])
    if _FOOT.unpack_from(file, end)[0] != masked_crc(data):
        raise TFRecordError("the data is not what its checksum says")
    return data


def _bounds(file: memoryview, offset: int) -> tuple[int, int]:
    """Where the data of the record at `offset` starts and ends."""
    start = offset + _HEAD.size
    if start > len(file):
        raise TFRecordError(f"the record at offset {offset} is cut short")
    length, crc = _HEAD.unpack_from(file, offset)
    if crc != masked_crc(bytes(file[offset : offset + 8])):
        raise TFRecordError(f"the record at offset {offset} has a length that its checksum belies")
    if start + length + _FOOT.size > len(file):
        raise TFRecordError(
            f"the record at offset {offset} ends at byte {start + length + _FOOT.size} but the file at {len(file)}"
        )
    return start, start + length


def _next_record(file: memoryview, offset: int) -> int:
    """The offset of the next whole record, or the end of the file where none is within 64 MB."""
    for first in range(offset, min(len(file) - _HEAD.size, offset + _MOST_SEARCHED), _PART):
        part = np.frombuffer(file[first : first + _PART + _HEAD.size - 1], np.uint8)
        for place in (first + _lengths(part)).tolist():
            try:
                _ = read_record(file, *_bounds(file, place))
            except TFRecordError:
                continue
            return place
    return len(file)


def _lengths(data: np.ndarray) -> np.ndarray:
    """Where in `data`, uint8 (N,), 8 bytes stand before their own masked checksum, int64."""
    count = data.size - _HEAD.size + 1
    crc = np.full(max(count, 0), 0xFFFFFFFF, np.uint32)
    for byte in range(8):
        crc = _TABLE[(crc ^ data[byte : byte + count]) & 0xFF] ^ (crc >> 8)
    crc = ~crc
    masked = ((crc >> 15) | (crc << 17)) + np.uint32(_MASK)
    stored = sum(data[8 + byte : 8 + byte + count].astype(np.uint32) << (8 * byte) for byte in range(4))
    return np.flatnonzero(masked == stored)


def _table() -> np.ndarray:
    """The CRC-32C of each single byte, uint32 (256,)."""
    crc = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        crc = np.where(crc & 1, (crc >> 1) ^ np.uint32(_POLYNOMIAL), crc >> 1)
    return crc


_TABLE = _table()
