"""The work on the pixels, many photos at a time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfn.align.detector import Detector
from mfn.data.source import FaceSource
from mfn.errors import BrokenImageError
from mfn.prepare.align_step import BROKEN, AlignRules, aligned, measured
from mfn.prepare.executors import Done
from mfn.prepare.shards import Shards

_AT_ONCE = 16
"""Photos in memory at a time: as many of a phone's take 600 MB."""


@dataclass(slots=True)
class PhotoJob:
    """Makes shards: one row of measurements for each photo and, where it is aligned, its crop.

    Attributes:
        source: The photos.
        rows: int64 (N,), position in the source of each row of the manifest.
        names: str (N,), of each row.
        shards: Where results go.
        rules: How to align.
        make_detector: Builds the detector in the process that uses it; None leaves images as they are.
    """

    source: FaceSource
    rows: NDArray[np.int64]
    names: NDArray[np.str_]
    shards: Shards
    rules: AlignRules
    make_detector: Callable[[], Detector] | None
    _detector: Detector | None = None

    def __call__(self, shard: int) -> Done:
        """Writes one shard.

        Raises:
            DataError: A photo shows no face, under ``missing=fail``.
        """
        if self._detector is None and self.make_detector is not None:
            self._detector = self.make_detector()
        span = self.shards.span(shard)
        found = [
            row
            for start in range(span.start, span.stop, _AT_ONCE)
            for row in self._some(range(start, min(start + _AT_ONCE, span.stop)))
        ]
        columns = {name: np.array([columns[name] for columns, _ in found]) for name in found[0][0]}
        self.shards.write(shard, columns, [crop for _, crop in found])
        return self._done(shard, columns["reason"])

    def finished(self, missing: Sequence[int]) -> Iterator[Done]:
        """What was told of all shards but those that are missing when they were written."""
        for shard in sorted(set(range(len(self.shards))).difference(missing)):
            yield self._done(shard, self.shards.columns([shard])["reason"])

    def _done(self, shard: int, reasons: NDArray[np.str_]) -> Done:
        span, broken = self.shards.span(shard), np.flatnonzero(reasons == BROKEN)
        example = self.source.describe(int(self.rows[span.start + broken[0]])) if broken.size else ""
        return Done(shard, len(span), broken.size, example)

    def _some(self, span: range) -> list[tuple[dict[str, Any], bytes]]:
        photos = [self._photo(int(self.rows[row])) for row in span]
        whole = [row for row, photo in zip(span, photos, strict=True) if photo is not None]
        readable = [photo for photo in photos if photo is not None]
        names = [str(self.names[row]) for row in whole]
        if self._detector is None:
            results = [(measured(photo, photo), b"") for photo in readable]
        else:
            faces = self._detector(readable, names) if readable else []
            results = [aligned(*photo, self.rules) for photo in zip(readable, faces, names, strict=True)]
        by_row = dict(zip(whole, results, strict=True))
        return [by_row.get(row, (measured(None, None, BROKEN), b"")) for row in span]

    def _photo(self, row: int) -> NDArray[np.uint8] | None:
        try:
            return self.source.image(row)
        except BrokenImageError:
            return None
