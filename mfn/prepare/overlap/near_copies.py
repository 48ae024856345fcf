"""Images of one set that are near copies of another set's: by 64-bit hashes, then by their pixels."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from mfn.errors import BrokenImageError, ConfigError
from mfn.images.quality import perceptual_hash
from mfn.progress import counting
from mfn.sources.source import ImageSource

MOST_BITS = 15
_SIDE, _MARGIN = 56, 4
_CANDIDATES = 1 << 22
"""Compared at a time: what memory goes to."""
_THREADS, _PART = 8, 64


@dataclass(frozen=True, slots=True)
class NearCopies:
    """Images of a training set, each with the benchmark's image that it is a near copy of.

    Attributes:
        rows: int64 (P,), positions in the training set, rising.
        images: int64 (P,), positions in the benchmark.
        bits: int64 (P,), in how many bits their hashes differ.
        likeness: float32 (P,), see `likeness`.
        mirrored: bool (P,), whether it is the mirror image that is alike.
    """

    rows: NDArray[np.int64]
    images: NDArray[np.int64]
    bits: NDArray[np.int64]
    likeness: NDArray[np.float32]
    mirrored: NDArray[np.bool_]


def hashes_of(
    source: ImageSource, *, mirrored: bool = False
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.bool_]]:
    """The perceptual hash of every image of a source, decoded by several threads.

    Args:
        source: Images of any sizes.
        mirrored: Also of the mirror images; otherwise the second array is empty.

    Returns:
        uint64 (N,) hashes, uint64 (N,) of the mirror images, and bool (N,), false where an image cannot be decoded.
    """
    hashes, turned = np.zeros(len(source), np.uint64), np.zeros(len(source) if mirrored else 0, np.uint64)
    readable = np.zeros(len(source), bool)

    def part(start: int) -> int:
        for index in range(start, stop := min(start + _PART, len(source))):
            try:
                image = source.image(index)
            except BrokenImageError:
                continue
            readable[index], hashes[index] = True, perceptual_hash(image)
            if mirrored:
                turned[index] = perceptual_hash(np.ascontiguousarray(image[:, ::-1]))
        return stop - start

    hashing = f"{source.name}, hashes"
    with counting(len(source), "images", hashing) as count, ThreadPoolExecutor(_THREADS) as pool:
        for done in pool.map(part, range(0, len(source), _PART)):
            count(done)
    return hashes, turned, readable


def nearest_hash(
    many: NDArray[np.uint64], few: NDArray[np.uint64], distance: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each hash of `many` the nearest of `few` within `distance` bits: exact, without comparing all with all.

    Where d bits differ, at least one of d + 1 stretches of the hash is equal in both, so only hashes that share a
    stretch are compared. Memory grows with N and M alone.

    Args:
        many: uint64 (N,).
        few: uint64 (M,).
        distance: Bits, 0 to 15.

    Returns:
        int64 (N,), position in `few` (the first of equal ones), -1 where none is that near; and int64 (N,), the bits
        that differ, 65 there.

    Raises:
        ConfigError: `distance` is out of range.
    """
    if not 0 <= distance <= MOST_BITS:
        raise ConfigError(f"a distance of {distance} bits must be from 0 to {MOST_BITS}")
    values, first = np.unique(few, return_index=True)
    best = np.full(many.size, 65 * values.size, np.int64)  # bits * M + position, so that one minimum finds both
    for low, high in pairwise(np.linspace(0, 64, distance + 2).round().astype(int).tolist()):
        for rows, columns in _sharing(_stretch(many, low, high), _stretch(values, low, high)):
            bits = np.bitwise_count(many[rows] ^ values[columns]).astype(np.int64)
            near = bits <= distance
            np.minimum.at(best, rows[near], bits[near] * values.size + columns[near])
    bits, column = np.divmod(best, max(1, values.size))
    found = bits <= distance if values.size else np.zeros(many.size, bool)
    return np.where(found, first[column] if first.size else 0, -1), np.where(found, bits, 65)


def likeness(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """How alike two pictures are, uint8 (h, w, 3) of any sizes: -1 to 1, 1 for copies.

    The middle of one, grey at 48 of 56 cells a side, is moved over the other, and the highest correlation counts, so
    that a crop that lies a few pixels elsewhere is still found. Brightness and contrast do not count.
    """
    first, second = (_small(image) for image in (one, other))
    middle = first[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    if min(np.ptp(middle), np.ptp(second)) < 1:  # of one colour, and a correlation with that is none
        return 0.0
    found = float(cv2.matchTemplate(second, middle, cv2.TM_CCOEFF_NORMED).max())
    return min(1.0, found) if np.isfinite(found) else 0.0


def near_copies(
    training: ImageSource, benchmark: ImageSource, distance: int, least: float, broken: dict[str, int] | None = None
) -> NearCopies:
    """Images of a training set that are near copies of a benchmark's: by their hash, then by their pixels.

    A mirror image counts too.

    Args:
        training: Images; each is decoded once, those found a second time. Each is compared with the benchmark's
            image whose hash is nearest to its own.
        benchmark: Images, aligned as those of the training set are.
        distance: Bits in which hashes may differ, 0 to 15.
        least: How alike pixels must be at least, see `likeness`.
        broken: Gets the number of images of either source that cannot be decoded, by the source's name.

    Raises:
        ConfigError: `distance` is out of range.
    """
    hashes, turned, readable = hashes_of(benchmark, mirrored=True)
    own, _, own_readable = hashes_of(training)
    if broken is not None:
        for source, whole in ((training, own_readable), (benchmark, readable)):
            broken[source.name] = broken.get(source.name, 0) + int(np.count_nonzero(~whole))
    there, mine = np.flatnonzero(readable), np.flatnonzero(own_readable)
    column, bits = nearest_hash(own[mine], np.concatenate([hashes[there], turned[there]]), distance)
    found = []
    for row in np.flatnonzero(column >= 0).tolist():
        is_mirrored, place = divmod(int(column[row]), there.size)
        image = benchmark.image(int(there[place]))
        alike = likeness(training.image(int(mine[row])), image[:, ::-1] if is_mirrored else image)
        if alike >= least:
            found.append((mine[row], there[place], bits[row], alike, is_mirrored))
    columns = np.array(found, np.float64).reshape(-1, 5).T
    whole = [column.astype(np.int64) for column in columns[:3]]
    return NearCopies(whole[0], whole[1], whole[2], columns[3].astype(np.float32), columns[4].astype(bool))


def _stretch(hashes: NDArray[np.uint64], low: int, high: int) -> NDArray[np.uint64]:
    return (hashes >> np.uint64(low)) & np.uint64(2 ** (high - low) - 1)


def _sharing(
    many: NDArray[np.uint64], few: NDArray[np.uint64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """All pairs of positions with equal values, in blocks of about `_CANDIDATES`."""
    order = np.argsort(few, kind="stable")
    left, right = (np.searchsorted(few[order], many, side) for side in ("left", "right"))
    ends = np.cumsum(right - left)
    start = 0
    while start < many.size:
        done = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + _CANDIDATES, side="right")))
        counts = (right - left)[start:stop]
        rows = np.repeat(np.arange(start, stop), counts)
        within = np.arange(rows.size) - np.repeat(np.cumsum(counts) - counts, counts)
        yield rows, order[left[rows] + within]
        start = stop


def _small(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.uint8)
