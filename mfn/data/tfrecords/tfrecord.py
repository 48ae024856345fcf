"""TFRecord framing: how records lie in a `.tfrecord` file.

A record is its length (uint64), the masked CRC-32C of those 8 bytes (uint32), the data, and the masked CRC-32C of
the data (uint32), all little-endian; the mask keeps a file that holds checksums from looking like one. Records
follow each other with nothing between, so that finding them takes a walk over their heads. See TensorFlow's
"TFRecord and tf.train.Example".
"""

import struct

import google_crc32c
import numpy as np

_HEAD = struct.Struct("<QI")
_FOOT = struct.Struct("<I")
_MASK = 0xA282EAD8


class TFRecordError(ValueError):
    """The bytes at an offset are no record; the message says why, the caller knows the file."""


def masked_crc(data: bytes) -> int:
    """Return the masked CRC-32C (Castagnoli) of `data`."""
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


def scan_records(file: memoryview) -> np.ndarray:
    """Return where each record's data starts and ends, int64 (N, 2), checking lengths but not the data.

    Raises:
        TFRecordError: a length that its checksum belies, or that runs past the end of the file.
    """
    bounds: list[tuple[int, int]] = []
    offset = 0
    while offset < len(file):
        start = offset + _HEAD.size
        if start > len(file):
            raise TFRecordError(f"record {len(bounds)} at offset {offset} is cut short")
        length, crc = _HEAD.unpack_from(file, offset)
        if crc != masked_crc(bytes(file[offset : offset + 8])):
            raise TFRecordError(f"record {len(bounds)} at offset {offset} has a length that its checksum belies")
        offset = start + length + _FOOT.size
        if offset > len(file):
            raise TFRecordError(f"record {len(bounds)} ends at byte {offset} but the file at {len(file)}")
        bounds.append((start, start + length))
    return np.array(bounds, np.int64).reshape(-1, 2)


def read_record(file: memoryview, start: int, end: int) -> bytes:
    """Return the data at these bounds.

    Raises:
        TFRecordError: the data is not what its checksum says.
    """
    data = bytes(file[start:end])
    if _FOOT.unpack_from(file, end)[0] != masked_crc(data):
        raise TFRecordError("the data is not what its checksum says")
    return data
