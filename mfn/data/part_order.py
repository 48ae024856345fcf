"""The order of images that lie in parts, such as shards on other machines: a few parts at a time, taken in turns.

Parts are dealt to lanes, as many as may be open. A lane gives the images of its parts one part after the other, in a
random order within each, and the order of an epoch takes one image from each lane in turn. It depends on the seed, the
epoch and the number of lanes alone. Ranks take turns in the order too, so where their number divides that of the lanes,
a rank meets the parts of its own lanes alone until the first lane ends.
"""

import hashlib
import heapq
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

from mfn.sources.source import Stream

_FETCHERS = 8


def order_mark(stream: Stream | None) -> str:
    """What changes when the same seed would give another order; "" where images do not lie in parts."""
    if stream is None:
        return ""
    return f"{stream.open_parts} {hashlib.sha256(stream.parts.astype('<i8').tobytes()).hexdigest()[:16]}"


class PartOrder:
    """Orders of some images of a stream.

    Args:
        stream: Tells the part of each image.
        positions: int64 (size,), those that take part.
    """

    def __init__(self, stream: Stream, positions: np.ndarray) -> None:
        names, self._parts = np.unique(stream.parts[positions], return_inverse=True)
        self._stream = stream
        self._names: list[int] = names.tolist()
        self._counts = np.bincount(self._parts, minlength=names.size)

    def arranged(self, draw: np.random.Generator | None) -> np.ndarray:
        """All images in the order of an epoch, int64 (size,).

        Args:
            draw: Of the epoch; None gives part after part, as they lie.
        """
        if draw is None:
            return np.argsort(self._parts, kind="stable")
        lane, turn = self._dealt(draw)
        mixed = draw.permutation(self._parts.size)
        # By lane, then by the place of the part in it, then at random
        rows = np.lexsort((mixed, turn[self._parts], lane[self._parts]))
        lanes = lane[self._parts[rows]]
        starts = np.flatnonzero(np.diff(lanes, prepend=-1))
        within = np.arange(rows.size) - np.repeat(starts, np.diff(starts, append=rows.size))
        return rows[np.lexsort((lanes, within))]

    @contextmanager
    def followed(self, rows: np.ndarray, world_size: int = 1) -> Iterator[Callable[[int], None]]:
        """Fetches parts before they are needed.

        Args:
            rows: What this rank reads, in its order.
            world_size: Ranks, which share the room for parts.

        Yields:
            Something to be told how many of the rows were handed out.
        """
        parts, first = np.unique(self._parts[rows], return_index=True)
        order = np.argsort(first)
        begins, sequence = first[order], [self._names[part] for part in parts[order].tolist()]
        ahead, asked = -(-self._stream.ahead // world_size), 0
        pool = ThreadPoolExecutor(_FETCHERS, "parts")

        def told(handed_out: int) -> None:
            nonlocal asked
            most = int(np.searchsorted(begins, handed_out, "right")) + ahead
            for part in sequence[asked:most]:
                pool.submit(self._stream.fetch, part)  # whoever reads it tells why it cannot be had
            asked = max(asked, min(most, len(sequence)))

        try:
            yield told if self._stream.ahead else _nothing
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _dealt(self, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """The lane of each part and its turn there: in random order, each to the lane that is shortest so far."""
        lane, turn = (np.empty(len(self._names), np.int64) for _ in range(2))
        lengths = [(0, number) for number in range(self._stream.open_parts)]
        for place, part in enumerate(draw.permutation(len(self._names)).tolist()):
            length, number = lengths[0]
            heapq.heapreplace(lengths, (length + int(self._counts[part]), number))
            lane[part], turn[part] = number, place
        return lane, turn


def _nothing(handed_out: int) -> None:
    """There is nothing to fetch."""
