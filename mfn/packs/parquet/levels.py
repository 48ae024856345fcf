"""Parquet's hybrid of runs and packed bits: which values are there, and which of a dictionary they are.

https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE
"""

import numpy as np

_WIDEST = 32


class NoRunsError(Exception):
    """Bytes that hold fewer values than they should."""


def hybrid(data: memoryview, width: int, count: int) -> np.ndarray:
    """The first `count` values, int64 (count,).

    Args:
        data: Of the runs.
        width: Bits of a value.
        count: How many there are.

    Raises:
        NoRunsError: There are fewer, or the width is none.
    """
    if not 0 <= width <= _WIDEST:
        raise NoRunsError
    parts: list[np.ndarray] = []
    left, place, bytes_of_run = count, 0, (width + 7) // 8
    while left > 0:
        head = shift = 0
        while True:
            if place >= len(data) or shift > 35:
                raise NoRunsError
            byte = data[place]
            place += 1
            head |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        if head & 1:
            values, place = _packed(data, place, width, min(8 * (head >> 1), -(-left // 8) * 8))
        else:
            if place + bytes_of_run > len(data) or not head:
                raise NoRunsError
            value = int.from_bytes(data[place : place + bytes_of_run], "little")
            values, place = np.full(min(head >> 1, left), value, np.int64), place + bytes_of_run
        parts.append(values[:left])
        left -= parts[-1].size
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _packed(data: memoryview, place: int, width: int, count: int) -> tuple[np.ndarray, int]:
    """Values of so many bits each, the lowest bit first; a multiple of eight of them."""
    end = place + count * width // 8
    if end > len(data) or not count:
        raise NoRunsError
    if not width:
        return np.zeros(count, np.int64), end
    bits = np.unpackbits(np.frombuffer(data[place:end], np.uint8), bitorder="little").reshape(count, width)
    return bits @ (1 << np.arange(width, dtype=np.int64)), end
