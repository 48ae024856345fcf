"""A video file, camera or stream to frames with the second at which each is seen."""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from mfn.errors import ConfigError, DataError
from mfn.recognition.video_live import Newest
from mfn.recognition.video_readers import AvReader, OpenCvReader
from mfn.text import printable

Pixels = NDArray[np.uint8]
READERS = ("opencv", "av")
"""What decodes."""

_USUAL_RATE, _LEAST_RATE, _HIGHEST_RATE = 25.0, 0.5, 1000.0
_LONGEST_STEP = 60.0
"""Seconds between two frames; a longer step is a broken timestamp or a stream that began anew."""
_WHOLE = 0.95
"""Share of the frames that a file promises from which on it counts as whole: some only estimate the number."""


@dataclass(frozen=True, eq=False, slots=True)
class Frame:
    """One picture of a video.

    Attributes:
        pixels: uint8 RGB (H, W, 3), turned as the camera says.
        index: Its number from 0; frames that were dropped count.
        seconds: After the first frame.
    """

    pixels: Pixels
    index: int
    seconds: float


class Reader(Protocol):
    """What decodes a video.

    Attributes:
        rate: Frames per second as the video says; 0 where it does not.
        count: How many frames it says to have; 0 where it does not.
    """

    rate: float
    count: int

    def read(self) -> tuple[Pixels, float | None] | None:
        """The next frame, uint8 RGB, with its timestamp in seconds where it has one; None at the end."""
        ...

    def close(self) -> None:
        """Lets go of the file or device."""
        ...


class Video:
    """Frames, once. A live one is read by a thread, and frames that come while another is worked on are dropped.

    Attributes:
        name: For messages, without a password.
        rate: Frames per second; 25 where it is not known.
        count: How many frames there should be; None where it is not known.
        is_live: Whether late frames are dropped.
        problem: Why it ended early, in a sentence; "" where it did not.

    Args:
        reader: Decodes.
        name: For messages.
        live: Drop frames that are late.
        max_side: Larger frames are shrunk to this longer side.
        patience: Seconds to wait for a frame of a live one.
        stop: Ends the frames once set.
    """

    def __init__(
        self,
        reader: Reader,
        name: str,
        *,
        live: bool = False,
        max_side: int | None = None,
        patience: float = 10.0,
        stop: threading.Event | None = None,
    ) -> None:
        known = _LEAST_RATE <= reader.rate <= _HIGHEST_RATE
        self.name, self.is_live, self.problem = name, live, ""
        self.rate = float(reader.rate) if known else _USUAL_RATE
        self.count = int(reader.count) if reader.count > 0 else None
        self._reader, self._max_side, self._patience = reader, max_side, patience
        self._stop = stop or threading.Event()
        self._newest: Newest | None = None

    def __enter__(self) -> "Video":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the file or device."""
        if self._newest is None:
            self._reader.close()
        else:
            self._newest.close()  # the thread closes what it reads

    @property
    def dropped(self) -> int:
        """Frames that came too late to be looked at."""
        return self._newest.dropped if self._newest else 0

    def __iter__(self) -> Iterator[Frame]:
        """The frames.

        Raises:
            DataError: Not one could be read.
        """
        number = -1
        for number, pixels, seconds in self._live() if self.is_live else self._all():
            yield Frame(_shrunk(pixels, self._max_side), number, seconds)
        if number < 0 and not self._stop.is_set():
            raise DataError(self.problem or f"{self.name} has no frame that can be decoded: is it a video, and whole?")
        if not self.is_live and not self._stop.is_set() and self.count and number + 1 < _WHOLE * self.count:
            self.problem = (
                f"{self.name} ended after {number + 1} of {self.count} frames: it is cut off or damaged, and what "
                "comes after them was not seen"
            )

    def _all(self) -> Iterator[tuple[int, Pixels, float]]:
        clock, number = _Clock(self.rate), 0
        while not self._stop.is_set() and (got := self._reader.read()) is not None:
            yield number, got[0], clock.at(got[1])
            number += 1

    def _live(self) -> Iterator[tuple[int, Pixels, float]]:
        self._newest = Newest(self._reader, pace=1 / self.rate if self.count else 0.0)
        while not self._stop.is_set():
            got = self._newest.next(self._patience, self._stop)
            if got is None:
                if self._newest.is_silent:
                    self.problem = f"{self.name} sent no frame for {self._patience:g} seconds: is it still running?"
                return
            yield got


def open_video(
    source: str,
    *,
    reader: str = "opencv",
    live: bool | None = None,
    max_side: int | None = None,
    timeout: float = 10.0,
    stop: threading.Event | None = None,
) -> Video:
    """Opens a video.

    Args:
        source: A file, the number of a camera, or an address such as ``rtsp://HOST/PATH``.
        reader: Of `READERS`: OpenCV or PyAV.
        live: Drop frames that are late; None: for cameras, and for addresses of what has no known length.
        max_side: Larger frames are shrunk to this longer side.
        timeout: Seconds to wait for an address to answer, and for a frame of it.
        stop: Ends the frames once set.

    Raises:
        DataError: There is nothing, it is no video, or it does not answer in time.
        ConfigError: An argument makes no sense, or PyAV is not installed.
    """
    if reader not in READERS:
        raise ConfigError(f"reader must be one of {', '.join(READERS)}, got {reader!r}")
    if timeout <= 0 or (max_side is not None and max_side < 16):
        raise ConfigError(
            f"the timeout must be positive and the longest side at least 16, got {timeout:g} and {max_side}"
        )
    kind, name = kind_of(source), shown(source)
    if kind == "file":
        _refuse_no_file(Path(source), name)
    made = (OpenCvReader if reader == "opencv" else AvReader)(source, kind, name, timeout)
    if live is None:
        live = kind == "camera" or (kind == "address" and made.count <= 0)
    return Video(made, name, live=live, max_side=max_side, patience=timeout, stop=stop)


def kind_of(source: str) -> str:
    """What a source is: camera | address | file."""
    if source.isascii() and source.isdigit():
        return "camera"
    return "address" if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", source) else "file"


def shown(source: str) -> str:
    """A source as it may be said, without the password of an address."""
    if kind_of(source) == "camera":
        return f"camera {source}"
    return printable(
        re.sub(r"(?<=://)([^/@:]*):[^/]*@", r"\1:***@", source) if kind_of(source) == "address" else source
    )


class _Clock:
    """Seconds that only rise, from timestamps that may be missing or broken."""

    def __init__(self, rate: float) -> None:
        self._step = 1 / rate
        self._seconds: float | None = None
        self._stamp: float | None = None

    def at(self, stamp: float | None) -> float:
        """The second of the next frame."""
        step = self._step
        if stamp is not None and self._stamp is not None and 0 < stamp - self._stamp < _LONGEST_STEP:
            step = stamp - self._stamp
        self._stamp = stamp
        self._seconds = 0.0 if self._seconds is None else self._seconds + step
        return self._seconds


def _refuse_no_file(path: Path, name: str) -> None:
    if path.is_dir():
        raise DataError(f"{name} is a folder: name one video in it, or take mfn identify for a folder of photos")
    if not path.exists():
        raise DataError(f"there is no video at {name}; a camera is named by its number, as 0, a stream by rtsp://...")
    if path.is_file() and not path.stat().st_size:
        raise DataError(f"{name} is empty")


def _shrunk(pixels: Pixels, max_side: int | None) -> Pixels:
    height, width = pixels.shape[:2]
    scale = (max_side or np.inf) / max(height, width)
    if scale >= 1:
        return pixels
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
