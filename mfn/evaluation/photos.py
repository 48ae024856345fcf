"""Benchmarks given as photos: the face of each is found and cut out, and a photo that gives none is counted."""

import io
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields
from functools import cached_property

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch.utils.data import DataLoader, Dataset

from mfn.align.acquired import BROKEN, acquired
from mfn.align.detector import Detector
from mfn.align.face import Face
from mfn.align.warp import align_face
from mfn.contract import InputContract
from mfn.data.signals import ignore_stop_signals, stop_signals_held
from mfn.errors import BrokenImageError, DataError
from mfn.evaluation.alignment import one_thread
from mfn.evaluation.shared_work import Listening
from mfn.progress import counting
from mfn.ranks import Ranks, from_all
from mfn.sources.content import content
from mfn.sources.made import MadeFrom
from mfn.sources.photo import photo_at
from mfn.sources.source import ImageSource

log = logging.getLogger(__name__)

_AT_ONCE = 4
"""Photos that a worker takes at a time."""


@dataclass(frozen=True, slots=True)
class PhotoRules:
    """Which face of a photo is taken.

    Attributes:
        several: Of several: central | largest | skip, see `mfn.align.choose.choose_face`.
        min_face: Shorter side in pixels that it must have.
    """

    several: str = "central"
    min_face: float = 0.0


@dataclass(frozen=True, eq=False, slots=True)
class FoundFaces:
    """What was found in N photos.

    Attributes:
        reason: str (N,), why a photo gives no face; "" where it gives one.
        found_by: str (N,), the second try that found it; "" for the detector's first look.
        points: float32 (N, 5, 2), its landmarks in pixels of the photo, NaN where there are none.
        box: float32 (N, 4), likewise.
        score: float32 (N,), how sure the detector is.
        faces: int32 (N,), how many were found.
    """

    reason: NDArray[np.str_]
    found_by: NDArray[np.str_]
    points: NDArray[np.float32]
    box: NDArray[np.float32]
    score: NDArray[np.float32]
    faces: NDArray[np.int32]

    @property
    def failed(self) -> dict[str, int]:
        """Photos without a face by reason, the most common reason first."""
        return dict(Counter(self.reason[self.reason != ""].tolist()).most_common())

    @property
    def second_tries(self) -> dict[str, int]:
        """Photos whose face a second try found, by its name."""
        return dict(Counter(self.found_by[(self.reason == "") & (self.found_by != "")].tolist()).most_common())


class PhotoFaces(MadeFrom):
    """The faces of photos as a network wants them.

    Args:
        source: The photos.
        found: What was found in each.
        contract: Size and template of the crop.
    """

    def __init__(self, source: ImageSource, found: FoundFaces, contract: InputContract) -> None:
        super().__init__(source)
        self.found, self.contract = found, contract

    def image(self, index: int) -> NDArray[np.uint8]:
        """The crop of photo `index`: uint8 (contract.height, contract.width, 3) RGB.

        Raises:
            BrokenImageError: It gave no face.
        """
        self._refuse(index)
        return align_face(photo_at(self.source, index), self.found.points[index], self.contract)

    def content(self, index: int) -> bytes:
        """The photo's content, the landmarks, and where they belong: what the pixels are a function of."""
        self._refuse(index)
        place = f"{self.contract.height} {self.contract.width} {self.contract.template}"
        return content(self.source, index) + self.found.points[index].tobytes() + place.encode()

    def _refuse(self, index: int) -> None:
        if self.found.reason[index]:
            raise BrokenImageError(f"{self.describe(index)}: {self.found.reason[index]}")


def find_faces(
    source: ImageSource,
    make_detector: Callable[[], Detector],
    rules: PhotoRules,
    *,
    num_workers: int = 0,
    share: Ranks = Ranks(),  # noqa: B008 - a tuple
) -> FoundFaces:
    """Looks for the face of each photo, and tells how far it is.

    Args:
        source: The photos.
        make_detector: Builds the detector in the process that looks.
        rules: Which face to take.
        num_workers: Processes that decode and look; 0: this one.
        share: Which process this is, among those that all call this and look at a part each; all get the whole.

    Raises:
        DataError: No photo gives a face.
    """
    parts = np.array_split(np.arange(len(source)), share.size)
    console = None if share.rank == 0 else Console(file=io.StringIO())  # one process shows how far all are
    with counting(len(source), "photos", source.name, console) as count:
        looking = _Looking(source, make_detector, rules)
        if share.size == 1:
            own = looking.at(parts[0], num_workers, count)
        else:
            listening = Listening(count, share, [len(part) for part in parts], _AT_ONCE)
            try:
                own = looking.at(parts[share.rank], num_workers, listening)
                listening.end()
            except Exception as error:
                listening.fail(error)
    every = from_all(own)
    found = FoundFaces(*(np.concatenate([getattr(one, part.name) for one in every]) for part in fields(FoundFaces)))
    _tell(source, found)
    return found


_Row = tuple[str, str, NDArray[np.float32], NDArray[np.float32], float, int]


class _Looking(Dataset[_Row]):
    """Photos to rows, in this process or in workers."""

    def __init__(self, source: ImageSource, make_detector: Callable[[], Detector], rules: PhotoRules) -> None:
        self._source, self._rules = source, rules
        self._make = make_detector

    def __getitem__(self, index: int) -> _Row:
        try:
            photo = photo_at(self._source, index)
        except BrokenImageError:
            return _row(None, BROKEN, 0)
        faces = self._detector([photo], [self._source.describe(index)])[0]
        return _row(*acquired(faces, photo.shape[:2], self._rules.several, self._rules.min_face), len(faces))

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in self.__dict__.items() if name != "_detector"}

    @cached_property
    def _detector(self) -> Detector:
        return self._make()

    def at(self, positions: NDArray[np.int64], num_workers: int, count: Callable[[int], None]) -> FoundFaces:
        """The rows of photos at some positions."""
        loader = DataLoader(
            self,
            batch_size=_AT_ONCE,
            sampler=positions.tolist(),
            num_workers=num_workers,
            collate_fn=list,
            worker_init_fn=_start_worker,
            # a child that is forked from a process with a GPU cannot use that
            multiprocessing_context="forkserver" if num_workers and torch.cuda.is_initialized() else None,
        )
        rows: list[_Row] = []
        with one_thread() if num_workers == 0 else nullcontext():
            with stop_signals_held() if num_workers else nullcontext():
                batches = iter(loader)
            for batch in batches:
                rows += batch
                count(len(batch))
        return _table(rows)


def _start_worker(number: int) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    ignore_stop_signals()


def _row(face: Face | None, reason: str, faces: int) -> _Row:
    if face is None:
        return reason, "", np.full((5, 2), np.nan, np.float32), np.full(4, np.nan, np.float32), float("nan"), faces
    return reason, face.found_by, face.points, face.box, face.score, faces


def _table(rows: Sequence[_Row]) -> FoundFaces:
    reason, found_by, points, box, score, faces = zip(*rows, strict=True) if rows else ((),) * 6
    return FoundFaces(
        np.array(reason, str),
        np.array(found_by, str),
        np.array(points, np.float32).reshape(-1, 5, 2),
        np.array(box, np.float32).reshape(-1, 4),
        np.array(score, np.float32),
        np.array(faces, np.int32),
    )


def _tell(source: ImageSource, found: FoundFaces) -> None:
    total, lost = len(source), np.flatnonzero(found.reason)
    if lost.size == total:
        raise DataError(
            f"none of the {total} photos of {source.name} gives a face ({_listed(found.failed)}): are they photos of "
            "people? photos.several=largest takes one of several faces, photos.second_try has further ways to look"
        )
    if again := found.second_tries:
        log.info("%s: %d faces were found in a second try (%s)", source.name, sum(again.values()), _listed(again))
    if lost.size:
        log.warning(
            "%s: %d of %d photos give no face (%s), %s among them; their pairs count in the generalised rates",
            *(source.name, lost.size, total, _listed(found.failed), source.describe(int(lost[0]))),
        )


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in counts.items())
