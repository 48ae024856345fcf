"""The work on the pixels, many photos at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfn.align.detector import Detector
from mfn.errors import BrokenImageError
from mfn.prepare.align_step import BROKEN, AlignRules, aligned, measured
from mfn.prepare.executors import Done
from mfn.prepare.manifest import measured_columns
from mfn.prepare.shards import Shards
from mfn.recognition.finder import FaceFinder
from mfn.sources.photo import photo_at
from mfn.sources.source import FaceSource

_AT_ONCE, _MOST_BYTES = 16, 600_000_000
"""Photos in memory at a time, as many of a phone's take 600 MB; after so many bytes no more are read before work."""


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
    _finder: FaceFinder | None = None

    def __call__(self, shard: int) -> Done:
        """Writes one shard.

        Raises:
            DataError: A photo shows no face, under ``missing=fail``.
        """
        if self._finder is None and self.make_detector is not None:
            self._finder = FaceFinder(self.make_detector(), self.rules.contract)
        found = list(self._worked_on(self.shards.span(shard)))
        columns = measured_columns([known for known, _ in found])
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

    def _worked_on(self, span: range) -> Iterator[tuple[dict[str, Any], bytes]]:
        """What is known of each row, and its crop, a few photos at a time."""
        photos = dict[int, NDArray[np.uint8]]()
        details = dict[int, str]()
        for row in span:
            try:
                photos[row] = photo_at(self.source, int(self.rows[row]))
            except BrokenImageError as error:
                details[row] = str(error).removeprefix(f"{self.source.describe(int(self.rows[row]))}: ")
            is_much = len(photos) == _AT_ONCE or sum(photo.nbytes for photo in photos.values()) > _MOST_BYTES
            if is_much or row == span[-1]:
                results = self._results(photos)
                results |= {at: (measured(None, None, BROKEN, detail), b"") for at, detail in details.items()}
                yield from (results[at] for at in sorted(results))
                photos, details = {}, {}

    def _results(self, photos: Mapping[int, NDArray[np.uint8]]) -> dict[int, tuple[dict[str, Any], bytes]]:
        finder = self._finder
        if finder is None:
            return {row: (measured(photo, photo), b"") for row, photo in photos.items()}
        names = [str(self.names[row]) for row in photos]
        faces = finder.faces(list(photos.values()), names)
        each = zip(photos.items(), faces, names, strict=True)
        return {row: aligned(photo, found, name, self.rules, finder) for (row, photo), found, name in each}
