"""The `.idx` beside a `.rec`: lines of `key<TAB>offset`."""

from pathlib import Path

import numpy as np

from mfn.data.frames import FrameError, scan_records
from mfn.errors import DataError


def parse_index(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return keys and byte offsets, int64 (N,) each, in ascending order of the keys.

    Raises:
        DataError: a line that is not two whole numbers, or a key that appears twice.
    """
    text = path.read_bytes()
    lines = text.count(b"\n") + (not text.endswith(b"\n"))
    try:
        numbers = np.fromstring(text, np.int64, sep=" ")  # a space matches any white space
    except ValueError:
        raise _malformed(path, text) from None
    if numbers.size == 0 or numbers.size != 2 * lines or text.count(b"\t") != lines:
        raise _malformed(path, text)
    return _sorted_by_key(path, numbers[0::2], numbers[1::2])


def rebuild_index(path: Path, file: memoryview) -> tuple[np.ndarray, np.ndarray]:
    """Scan the records of `path`, mapped as `file`: keys count from 0 in the order of the file.

    Raises:
        DataError: bytes that are no record, named by their offset.
    """
    try:
        offsets = np.fromiter(scan_records(file), np.int64)
    except FrameError as error:
        raise DataError(f"{path} has no index and cannot be scanned for one: {error}") from None
    return np.arange(offsets.size), offsets


def _sorted_by_key(path: Path, keys: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    steps = np.diff(keys)
    if not (steps > 0).all():
        order = np.argsort(keys, kind="stable")
        keys, offsets = keys[order], offsets[order]
        if (repeated := keys[1:][np.diff(keys) == 0]).size:
            raise DataError(f"{path}: key {repeated[0]} appears more than once; the index is damaged")
    return np.ascontiguousarray(keys), np.ascontiguousarray(offsets)


def _malformed(path: Path, text: bytes) -> DataError:
    """Find the line to blame; only called once the fast way has failed."""
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split(b"\t")
        if len(fields) != 2 or not all(field.strip().isdigit() for field in fields):
            shown = line[:40].decode(errors="replace")
            return DataError(
                f"{path} line {number} is {shown!r}, not 'key<TAB>offset': repair the index, "
                "or remove it to have it rebuilt from the records"
            )
    return DataError(f"{path} is empty: remove it to have the index rebuilt from the records")
