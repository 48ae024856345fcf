"""RecordIO framing: how a record's bytes lie in a `.rec` file.

Little-endian. A frame is the magic, a word (top 3 bits: continuation, low 29 bits: length), the bytes,
and zeros up to a multiple of 4. Where a record holds the magic at a multiple of 4 it is cut there into
several frames and that magic is dropped; the reader puts it back.
"""

import struct
from contextlib import suppress
from typing import NamedTuple

import numpy as np

MAGIC = 0xCED7230A
MAGIC_BYTES = struct.pack("<I", MAGIC)
LENGTH_BITS = 29
MAX_LENGTH = (1 << LENGTH_BITS) - 1
WHOLE, FIRST, MIDDLE, LAST = range(4)

_HEAD = struct.Struct("<II")
_PART = 1 << 20


class Gap(NamedTuple):
    """A stretch of a file that holds no records: first byte, end, and what is wrong at its start."""

    start: int
    end: int
    reason: str


class FrameError(ValueError):
    """The bytes at an offset are no record; the message says why, the caller knows file and key."""


def join_frames(file: memoryview, offset: int) -> memoryview:
    """The bytes of the record at `offset`: a view of `file` where whole, a copy where split.

    Raises:
        FrameError: No record starts at `offset`, or it runs past the end of the file.
    """
    part, start, end = _read_head(file, offset)
    if part == WHOLE:
        return file[start:end]
    if part != FIRST:
        raise FrameError("this is the inside of a split record, not the start of one")
    pieces = [file[start:end]]
    while part != LAST:
        part, start, end = _read_head(file, _aligned(end))
        if part not in (MIDDLE, LAST):
            raise FrameError("the split record breaks off before its last part")
        pieces.append(file[start:end])
    return memoryview(MAGIC_BYTES.join(pieces))


def split_frames(record: bytes) -> bytes:
    """The frames that hold `record`.

    Raises:
        FrameError: The record is longer than the format allows, 2**29 - 1 bytes.
    """
    if len(record) > MAX_LENGTH:
        raise FrameError(f"a record of {len(record)} bytes is longer than RecordIO's {MAX_LENGTH}")
    words = np.frombuffer(record, "<u4", count=len(record) // 4)
    cuts = (4 * np.flatnonzero(words == MAGIC)).tolist()
    starts = [0, *(cut + 4 for cut in cuts)]
    ends = [*cuts, len(record)]
    frames = bytearray()
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        part = WHOLE if not cuts else FIRST if number == 0 else LAST if number == len(cuts) else MIDDLE
        frames += _HEAD.pack(MAGIC, part << LENGTH_BITS | end - start)
        frames += record[start:end]
    return bytes(frames.ljust(_aligned(len(frames)), b"\0"))


def end_of_record(file: memoryview, offset: int) -> int:
    """Where the record after the one at `offset` starts; raises as `join_frames`."""
    part, _, end = _read_head(file, offset)
    while part in (FIRST, MIDDLE):
        part, _, end = _read_head(file, _aligned(end))
    return _aligned(end)


def scan_records(file: memoryview) -> tuple[np.ndarray, list[Gap]]:
    """Finds every record, in the order of the file; after damage it goes on at the next frame that can be one.

    Returns:
        int64 (N,) offsets, and the stretches that are no records.
    """
    offsets, gaps = [], []
    offset = 0
    while offset < len(file):
        try:
            part, _, end = _read_head(file, offset)
        except FrameError as error:
            after = _next_frame(file, offset + 4)
            gaps.append(Gap(offset, after, str(error)))
            offset = after
            continue
        if part in (WHOLE, FIRST):
            offsets.append(offset)
        offset = _aligned(end)
    return np.array(offsets, np.int64), gaps


def _next_frame(file: memoryview, offset: int) -> int:
    """The offset of the next frame that starts a record; writers leave no magic where none starts."""
    while offset < len(file):
        part = bytes(file[offset : offset + _PART])
        place = part.find(MAGIC_BYTES)
        while place >= 0:
            with suppress(FrameError):
                if (offset + place) % 4 == 0 and _read_head(file, offset + place)[0] in (WHOLE, FIRST):
                    return offset + place
            place = part.find(MAGIC_BYTES, place + 1)
        offset += _PART - 4  # a magic on the edge is found in the next part
    return len(file)


def _read_head(file: memoryview, offset: int) -> tuple[int, int, int]:
    """Continuation, start and end of the frame at `offset`."""
    start = offset + _HEAD.size
    if offset < 0 or start > len(file):
        raise FrameError("the file is cut short here")
    magic, word = _HEAD.unpack_from(file, offset)
    if magic != MAGIC:
        raise FrameError(f"magic {magic:#010x} where {MAGIC:#010x} was expected")
    end = start + (word & MAX_LENGTH)
    if end > len(file):
        raise FrameError(f"the record ends at byte {end} but the file at {len(file)}: it is cut short")
    return word >> LENGTH_BITS, start, end


def _aligned(offset: int) -> int:
    return (offset + 3) & ~3
