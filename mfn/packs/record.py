"""One image record: MXNet's header (flag, label, id, id2), its labels and the encoded image."""

import struct
from typing import NamedTuple

import numpy as np

from mfn.packs.frames import FrameError

_HEADER = struct.Struct("<IfQQ")
_NUMBER = 8 + 8
"""Bytes from a frame's start to the number of the record in it."""


class Record(NamedTuple):
    """What a pack holds under one key.

    Attributes:
        flag: Number of labels that follow the header; 0 where the one label is in the header itself.
        labels: float32 (max(flag, 1),).
        id: The writer's number of the record, mostly its key.
        id2: Second number, mostly 0.
        payload: The encoded image; empty in the records that describe the pack.
    """

    flag: int
    labels: np.ndarray
    id: int
    id2: int
    payload: memoryview | bytes


def unpack_record(data: memoryview) -> Record:
    """Reads header, labels and payload; the payload stays a view of `data`.

    Raises:
        FrameError: `data` is too short for the header or its labels.
    """
    payload = unpack_payload(data)
    flag, label, number, number2 = _HEADER.unpack_from(data)
    if flag == 0:
        labels = np.array([label], np.float32)
    else:
        labels = np.frombuffer(data, "<f4", count=flag, offset=_HEADER.size)
    return Record(flag, labels, number, number2, payload)


def unpack_payload(data: memoryview) -> memoryview:
    """The payload alone, for those who know the labels.

    Raises:
        FrameError: `data` is too short for the header or its labels.
    """
    if len(data) < _HEADER.size:
        raise FrameError(f"{len(data)} bytes are too few for an image header")
    flag = int.from_bytes(data[:4], "little")
    start = _HEADER.size + 4 * flag
    if len(data) < start:
        raise FrameError(f"the header announces {flag} labels but the record has {len(data)} bytes")
    return data[start:]


def number_of(file: memoryview, offset: int) -> int:
    """The number that the record at `offset` of a file gives itself; 0 where it is too short for one."""
    return int.from_bytes(file[offset + _NUMBER : offset + _NUMBER + 8], "little")


def pack_record(record: Record) -> bytes:
    """Header, labels and payload as MXNet writes them.

    Raises:
        FrameError: The number of labels is not what `flag` says, or a whole number among them is none that a float32
            holds.
    """
    given = np.asarray(record.labels).ravel()
    labels = given.astype("<f4")
    if given.dtype != np.float32 and (changed := (labels != given) & (np.floor(given) == given)).any():
        raise FrameError(f"label {given[changed][0]} would become {labels[changed][0]:.0f} as a float32")
    if labels.size != max(record.flag, 1):
        raise FrameError(f"flag {record.flag} asks for {max(record.flag, 1)} labels, got {labels.size}")
    if record.flag == 0:
        return _HEADER.pack(0, labels[0], record.id, record.id2) + bytes(record.payload)
    header = _HEADER.pack(record.flag, 0.0, record.id, record.id2)
    return header + labels.tobytes() + bytes(record.payload)
