"""The `.idx` beside a `.rec`: lines of `key<TAB>offset`."""

import logging
import re
from pathlib import Path

import numpy as np

from mfn.errors import DataError
from mfn.packs.frames import scan_records
from mfn.packs.record import number_of

logger = logging.getLogger(__name__)

_LINE = re.compile(rb"\s*(-?\d{1,18})(?:\.0*)?[\s,;]+(-?\d{1,18})(?:\.0*)?[\s,;]*")
_BOM = b"\xef\xbb\xbf"
_LARGEST = 10**18
_SMALLEST_RECORD = 32


def parse_index(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Keys and byte offsets, int64 (N,) each, in ascending order of the keys.

    Blanks, commas or semicolons may stand for the tab, numbers may end in `.0`, and empty lines are passed over. A last
    line that breaks off is passed over too, and told in the log.

    Raises:
        DataError: A line that is not two whole numbers, or a key that appears twice.
    """
    try:
        text = path.read_bytes().removeprefix(_BOM)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from None
    lines = text.count(b"\n") + (not text.endswith(b"\n"))
    try:
        numbers = np.fromstring(text, np.int64, sep=" ")  # a space matches any white space
    except (ValueError, OverflowError):
        numbers = np.empty(0, np.int64)
    is_plain = 0 < numbers.size == 2 * lines and text.count(b"\t") == lines
    if not is_plain or numbers.max() > _LARGEST or numbers.min() < -_LARGEST:  # what does not fit is made to
        numbers = _parsed_by_line(path, text)
    return _sorted_by_key(path, numbers[0::2], numbers[1::2])


def rebuild_index(path: Path, file: memoryview) -> tuple[np.ndarray, np.ndarray]:
    """Scans the records of `path`, mapped as `file`: keys count from 0 in the order of the file.

    Damage is stepped over, and told in the log; the records after it keep the numbers that they give themselves.

    Raises:
        DataError: There is no record at all.
    """
    offsets, gaps = scan_records(file)
    if offsets.size == 0:
        raise DataError(f"{path} has no index and holds no record: offset 0: {gaps[0].reason}")
    keys = np.arange(offsets.size)
    for gap in gaps:
        logger.warning("%s: bytes %d to %d are no records (%s)", path, gap.start, gap.end, gap.reason)
        after = int(np.searchsorted(offsets, gap.end))
        if after < offsets.size:
            missing = number_of(file, int(offsets[after])) - int(keys[after])
            keys[after:] += missing if 0 < missing <= (gap.end - gap.start) // _SMALLEST_RECORD + 1 else 1
    return keys, offsets


def _sorted_by_key(path: Path, keys: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if not (np.diff(keys) > 0).all():
        order = np.lexsort((offsets, keys))
        keys, offsets = keys[order], offsets[order]
        is_new = np.concatenate([[True], (np.diff(keys) != 0) | (np.diff(offsets) != 0)])
        keys, offsets = keys[is_new], offsets[is_new]  # a line that comes twice says nothing new
        if (repeated := keys[1:][np.diff(keys) == 0]).size:
            raise DataError(
                f"{path}: key {repeated[0]} appears more than once, for different records; the index is damaged: "
                "remove it to have it rebuilt from the records"
            )
    return np.ascontiguousarray(keys), np.ascontiguousarray(offsets)


def _parsed_by_line(path: Path, text: bytes) -> np.ndarray:
    """Reads the lines one by one, which takes longer and says which one is wrong."""
    numbers: list[int] = []
    lines = text.split(b"\n")
    for number, line in enumerate(lines, start=1):
        if found := _LINE.fullmatch(line):
            numbers += map(int, found.groups())
        elif number == len(lines) > 1 and line.strip():
            logger.warning("%s: its last line, %r, breaks off and is passed over", path, line[:40])
        elif line.strip():
            shown = line[:40].decode(errors="replace")
            raise DataError(
                f"{path} line {number} is {shown!r}, not 'key<TAB>offset': repair the index, "
                "or remove it to have it rebuilt from the records"
            )
    if not numbers:
        raise DataError(f"{path} is empty: remove it to have the index rebuilt from the records")
    return np.array(numbers, np.int64)
