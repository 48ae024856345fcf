"""Frames to people: faces are found and tracked, and each track is named once by its best faces."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mfn.align.face import Face
from mfn.errors import ConfigError
from mfn.recognition.finder import FaceFinder
from mfn.recognition.gallery import Gallery, Match
from mfn.recognition.naming import name_of
from mfn.recognition.pipeline import FacePipeline
from mfn.recognition.quality import measure
from mfn.recognition.track_faces import BestFaces, Sample, StickyName
from mfn.recognition.tracking import Track, Tracker
from mfn.recognition.video import Frame

_MATCHES = 5
"""People asked for at each decision: the one who is named must be among them to be compared with the best."""
_HOLD, _OFTEN = 0.25, 3
"""Seconds for which a box stays when the face is not found, and how often it must have been found for that."""
_POOR = 0.5
"""Share of the worst kept face's quality below which a face says nothing about whether it is the same person."""


@dataclass(frozen=True, eq=False, slots=True)
class Sighting:
    """One face in one frame.

    Attributes:
        track: Number of its track.
        name: Whom it shows; None where nobody is known.
        score: Cosine of the last decision; None before any.
        box: float64 (4,), x and y of the upper left corner, width and height in pixels.
    """

    track: int
    name: str | None
    score: float | None
    box: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TrackRow:
    """What a track came to.

    Attributes:
        track: Its number, in the order of appearance.
        name: Whom all its kept faces together show, see `mfn.recognition.naming.Named`.
        is_known: Whether the name is somebody's.
        similarity: Cosine with the most alike person, known or not; None where nobody is enrolled or no face was clear.
        first: Second at which it was found first.
        last: And last.
        frames: In how many frames it was found.
        quality: Of its best face, 0 to 1.
        changes: How often the name that was shown changed or was taken back.
    """

    track: int
    name: str
    is_known: bool
    similarity: float | None
    first: float
    last: float
    frames: int
    quality: float | None
    changes: int


@dataclass(eq=False, slots=True)
class _State:
    """What is known of a track's person."""

    best: BestFaces
    shown: StickyName
    matches: list[Match] = field(default_factory=list)
    top: float | None = None


@dataclass(eq=False, slots=True)
class _Wanted:
    """A face that is about to be embedded."""

    track: Track
    crop: NDArray[np.uint8]
    quality: float
    is_checked: bool


class Watcher:
    """Watches one video.

    Attributes:
        spent: Seconds that each part took, by name.
        looked: Frames in which faces were looked for.
        embedded: Faces that were embedded.
        rows: Of the tracks that have ended.

    Args:
        finder: Finds faces and cuts them out.
        pipeline: Embeds them.
        gallery: The people.
        threshold: The cosine from which on a track is somebody's.
        same: The cosine below which two faces of a track are not of one person.
        every: Faces are looked for in each such frame; between them boxes move on as expected.
        most: Faces of a track that are kept and embedded.
        forget: Seconds without being found after which a track ends.
        by: What a face is compared with, see `Gallery.identify`.
        band: Cosines this near to the threshold are not sure in the end.

    Raises:
        ConfigError: A number makes no sense.
    """

    def __init__(
        self,
        finder: FaceFinder,
        pipeline: FacePipeline,
        gallery: Gallery,
        *,
        threshold: float,
        same: float,
        every: int = 1,
        most: int = 5,
        forget: float = 1.0,
        by: str = "centroid",
        band: float = 0.0,
    ) -> None:
        if every < 1 or most < 1 or forget <= 0:
            raise ConfigError(
                f"every and the faces of a track must be at least 1 and the seconds to forget above 0, got {every}, "
                f"{most} and {forget:g}"
            )
        self.spent = {"detect": 0.0, "embed": 0.0, "track": 0.0}
        self.looked, self.embedded = 0, 0
        self.rows: list[TrackRow] = []
        self._finder, self._pipeline, self._gallery = finder, pipeline, gallery
        self._threshold, self._same, self._every, self._most = threshold, same, every, most
        self._by, self._band = by, band
        self._tracker = Tracker(forget)
        self._states: dict[int, _State] = {}
        self._next = 0

    def look(self, frame: Frame) -> list[Sighting]:
        """The faces of the next frame with the names known by now."""
        with self._timed("track"):
            self._end(self._tracker.advance(frame.seconds))
        if frame.index >= self._next:
            self._next = frame.index + self._every
            self._find(frame)
        return [self._sighting(track) for track in self._tracker.tracks if _is_shown(track, frame.seconds)]

    def finish(self) -> list[TrackRow]:
        """Ends all tracks, and gives all there were, in the order of appearance."""
        self._end(self._tracker.tracks)
        self._tracker.tracks = []
        self.rows.sort(key=lambda row: row.track)
        return self.rows

    def _find(self, frame: Frame) -> None:
        with self._timed("detect"):
            faces = self._finder.faces([frame.pixels], [f"frame {frame.index}"])[0]
        self.looked += 1
        with self._timed("track"):
            self._tracker.update(faces)
            wanted = [one for track in self._tracker.tracks if (one := self._wanted(frame, track, track.face))]
        if not wanted:
            return
        with self._timed("embed"):
            embeddings, _ = self._pipeline.embed(np.stack([one.crop for one in wanted]))
            self.embedded += len(wanted)
            for one, embedding in zip(wanted, embeddings, strict=True):
                self._take(one, Sample(frame.seconds, one.quality, embedding))

    def _wanted(self, frame: Frame, track: Track, face: Face | None) -> _Wanted | None:
        """The face of a track in a frame, where it is worth embedding."""
        best = self._state(track).best
        if face is None or (track.is_crowded and best.samples):
            return None
        crop = self._finder.crop(frame.pixels, face)
        if crop is None:
            return None
        quality = measure(crop, face.points, float("nan"), face.score).overall
        if track.is_doubtful and best.samples:
            is_poor = quality < _POOR * min(sample.quality for sample in best.samples)
            return None if is_poor else _Wanted(track, crop, quality, True)
        return _Wanted(track, crop, quality, False) if best.wants(frame.seconds, quality) else None

    def _take(self, one: _Wanted, sample: Sample) -> None:
        """Keeps a face, or begins a new track where it turns out to be somebody else's."""
        track, state = one.track, self._state(one.track)
        if one.is_checked:
            if float(state.best.mean() @ sample.embedding) < self._same:
                old, track = track, self._tracker.split(track)
                self._end([old])
                state = self._state(track)
            track.is_doubtful = False
            if not state.best.wants(sample.seconds, sample.quality):
                return
        state.best.keep(sample)
        state.top = max(state.top or 0.0, sample.quality)
        state.matches = self._gallery.identify(state.best.mean()[None], k=_MATCHES, by=self._by)[0]
        state.shown.decide(state.matches)

    def _state(self, track: Track) -> _State:
        if track.number not in self._states:
            self._states[track.number] = _State(BestFaces(self._most), StickyName(self._threshold))
        return self._states[track.number]

    def _sighting(self, track: Track) -> Sighting:
        shown = self._state(track).shown
        return Sighting(track.number, shown.name, shown.score, track.box)

    def _end(self, tracks: list[Track]) -> None:
        for track in tracks:
            state = self._state(track)
            named = name_of(state.matches, self._threshold, self._band)
            seen = round(track.first, 3), round(track.last, 3), track.found
            who = track.number, named.name, named.is_known, named.score
            self.rows.append(TrackRow(*who, *seen, state.top, state.shown.changes))
            del self._states[track.number]

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.spent[part] += time.perf_counter() - began


def _is_shown(track: Track, seconds: float) -> bool:
    """Whether it was found when faces were looked for last, or is only missed for a moment."""
    return track.face is not None or (track.found >= _OFTEN and seconds - track.last <= _HOLD)
