"""Faces of one frame after another to tracks: which of them are one face that moves.

SORT (Bewley et al. 2016, "Simple Online and Realtime Tracking") with two changes: time is in seconds, so that frames
may be skipped, dropped or of uneven rate, and boxes that do not overlap may still be one face that moved by up to its
own width (DIoU; Zheng et al. 2020). OpenCV's Kalman filter says where each box is expected.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from mfn.align.face import Face

Floats = NDArray[np.float64]

_LEAST_ALIKE = -0.2
"""Of two boxes that may be one face: they are a box's width apart."""
_JUMPED = 0.1
"""Below it two boxes overlap so little that they may be two faces."""
_CROWDED = 0.1
"""Share of the union from which on two tracks' boxes lie upon one another."""
_TWICE = 0.5
"""Share of the union from which on a second box is the same face, found twice in one frame."""
_UNSEEN = 0.35
"""Seconds without being found after which somebody else may stand there."""
_JITTER = 0.05
"""Standard deviation of a detector's box, as a share of its height."""
_ACCELERATION, _SPEED = np.array([4.0, 4.0, 1.0, 1.0]), np.array([3.0, 3.0, 0.5, 0.5])
"""Standard deviations for centre and sides, as shares of the height per second squared and per second."""


@dataclass(eq=False, slots=True)
class Track:
    """One face through frames.

    Attributes:
        number: From 1, in the order of appearance.
        face: As found in the newest frame that was looked at; None where it was not found there.
        first: Second at which it was found first.
        last: And last.
        found: In how many frames it was found.
        is_crowded: Another track's box lies upon its own, so that the face may be hidden or be the other's.
        is_doubtful: It may be somebody else's face since it was crowded, unseen or jumped; whoever can tell says so.
        sure: `last` and `found` as they were before any doubt.
    """

    number: int
    face: Face | None
    first: float
    last: float
    motion: "_Motion"
    found: int = 1
    is_crowded: bool = False
    is_doubtful: bool = False
    sure: tuple[float, int] = (0.0, 1)

    @property
    def box(self) -> Floats:
        """Where it is expected: x and y of the upper left corner, width and height, float64 (4,), in pixels."""
        return self.motion.box


@dataclass(eq=False, slots=True)
class Tracker:
    """Keeps the tracks of one video.

    Attributes:
        forget: Seconds without being found after which a track ends; a face that comes back later is a new track.
        tracks: Those that go on, oldest first.
    """

    forget: float = 1.0
    tracks: list[Track] = field(default_factory=list)
    _begun: int = 0
    _seconds: float = 0.0

    def advance(self, seconds: float) -> list[Track]:
        """Moves all boxes to where they are expected at a second, and gives the tracks that ended before it."""
        for track in self.tracks:
            track.motion.advance(seconds - self._seconds)
        self._seconds = seconds
        ended = [track for track in self.tracks if seconds - track.last > self.forget]
        self.tracks = [track for track in self.tracks if seconds - track.last <= self.forget]
        return ended

    def update(self, faces: Sequence[Face]) -> None:
        """Gives each face of the frame at the second of the last `advance` its track, an old one or a new one."""
        expected = [track.box for track in self.tracks]
        found = [np.asarray(face.box, np.float64) for face in faces]
        alike = alikeness(expected, found)
        taken = assign(alike)
        for row, track in enumerate(self.tracks):
            track.face = None
            if row in taken:
                track.is_doubtful |= bool(alike[row, taken[row]] < _JUMPED) or self._seconds - track.last > _UNSEEN
                self._follow(track, faces[taken[row]])
        shared = overlap([found[column] for column in taken.values()], found)
        for column in sorted(set(range(len(faces))) - set(taken.values())):
            if not (shared[:, column] > _TWICE).any():
                self._begin(faces[column])
        self._crowd()
        for track in self.tracks:
            if not track.is_doubtful:
                track.sure = track.last, track.found

    def split(self, track: Track) -> Track:
        """Ends a track that now has somebody else's face where it was last sure; gives the new one of that face."""
        assert track.face is not None
        self.tracks.remove(track)
        track.last, track.found = track.sure
        return self._begin(track.face)

    def _follow(self, track: Track, face: Face) -> None:
        track.motion.correct(np.asarray(face.box, np.float64))
        track.face, track.last = face, self._seconds
        track.found += 1

    def _begin(self, face: Face) -> Track:
        self._begun += 1
        motion = _Motion(np.asarray(face.box, np.float64))
        track = Track(self._begun, face, self._seconds, self._seconds, motion, sure=(self._seconds, 1))
        self.tracks.append(track)
        return track

    def _crowd(self) -> None:
        boxes = [track.box for track in self.tracks]
        shared = overlap(boxes, boxes)
        np.fill_diagonal(shared, 0)
        shared[:, [track.found < 2 for track in self.tracks]] = 0  # a single find is often none
        for track, row in zip(self.tracks, shared, strict=True):
            track.is_crowded = bool((row > _CROWDED).any())
            track.is_doubtful |= track.is_crowded and track.found > 1


def assign(alike: Floats, least: float = _LEAST_ALIKE) -> dict[int, int]:
    """Pairs rows with columns, the most alike first; each is taken once.

    Args:
        alike: (T, F), how alike each is.
        least: Pairs below it are none.

    Returns:
        The column of each row that has one.
    """
    taken: dict[int, int] = {}
    for index in np.argsort(-alike, axis=None, kind="stable"):
        row, column = divmod(int(index), alike.shape[1])
        if alike[row, column] < least:
            break
        if row not in taken and column not in taken.values():
            taken[row] = column
    return taken


def overlap(boxes: Iterable[Floats], others: Iterable[Floats]) -> Floats:
    """Intersection over union of boxes (x, y, width, height), float64 (T, F)."""
    one, two = _stacked(boxes)[:, None], _stacked(others)[None]
    low = np.maximum(one[..., :2], two[..., :2])
    high = np.minimum(one[..., :2] + one[..., 2:], two[..., :2] + two[..., 2:])
    shared = (high - low).clip(min=0).prod(-1)
    union = one[..., 2:].prod(-1) + two[..., 2:].prod(-1) - shared
    return shared / np.maximum(union, 1e-9)


def alikeness(boxes: Iterable[Floats], others: Iterable[Floats]) -> Floats:
    """DIoU of boxes (x, y, width, height), float64 (T, F): 1 for the same, below 0 for boxes apart."""
    one, two = _stacked(boxes)[:, None], _stacked(others)[None]
    apart = one[..., :2] + one[..., 2:] / 2 - two[..., :2] - two[..., 2:] / 2
    low = np.minimum(one[..., :2], two[..., :2])
    high = np.maximum(one[..., :2] + one[..., 2:], two[..., :2] + two[..., 2:])
    around = ((high - low) ** 2).sum(-1)
    return overlap(one[:, 0], two[0]) - (apart**2).sum(-1) / np.maximum(around, 1e-9)


def _stacked(boxes: Iterable[Floats]) -> Floats:
    return np.asarray(list(boxes), np.float64).reshape(-1, 4)


class _Motion:
    """A box that moves: OpenCV's Kalman filter over centre, sides and how fast these change."""

    def __init__(self, box: Floats) -> None:
        self._filter = cv2.KalmanFilter(8, 4, 0, cv2.CV_64F)
        self._filter.measurementMatrix = np.eye(4, 8)
        self._filter.statePost = np.concatenate([_middle(box), np.zeros(4)])[:, None]
        height = max(float(box[3]), 1.0)
        self._filter.errorCovPost = np.diag(np.concatenate([np.full(4, _JITTER), _SPEED]) * height) ** 2

    @property
    def box(self) -> Floats:
        x, y, width, height = self._filter.statePost[:4, 0]
        return np.array([x - width / 2, y - height / 2, width, height])

    def advance(self, seconds: float) -> None:
        step = np.eye(8)
        step[range(4), range(4, 8)] = seconds
        reach = np.outer([seconds**2 / 2, seconds], [seconds**2 / 2, seconds])
        self._filter.transitionMatrix = step
        self._filter.processNoiseCov = np.kron(reach, np.diag((_ACCELERATION * self._height) ** 2))
        self._filter.predict()
        sides = self._filter.statePost
        sides[2:4] = np.maximum(sides[2:4], 1.0)
        self._filter.statePost = sides

    def correct(self, box: Floats) -> None:
        self._filter.measurementNoiseCov = np.eye(4) * (_JITTER * self._height) ** 2
        self._filter.correct(_middle(box)[:, None])

    @property
    def _height(self) -> float:
        return max(float(self._filter.statePost[3, 0]), 1.0)


def _middle(box: Floats) -> Floats:
    """Centre and sides."""
    return np.concatenate([box[:2] + box[2:] / 2, box[2:]])
