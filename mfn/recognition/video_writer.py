"""Frames to an MP4 file that keeps their times, and that is there whole or not at all."""

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mfn.errors import ConfigError, DataError
from mfn.files.ownership import writing

_MARK = struct.pack(">I4s", 8 + 16, b"free") + b"written by mfn  "
"""A box at the end of the file that players pass over, by which we know our own."""
_LONGEST_STILL = 10.0
"""Seconds for which a frame stays where the next one comes late; longer gaps are cut."""


def check_video_name(path: Path) -> None:
    """Makes sure that a video can be written under a name.

    Raises:
        ConfigError: It does not end in .mp4.
    """
    if path.suffix.lower() != ".mp4":
        raise ConfigError(f"{path}: a video is written as MP4: give a name that ends in .mp4")


def is_video_of_ours(path: Path) -> bool:
    """Whether a file is a video that mfn wrote."""
    try:
        with path.open("rb") as file:
            file.seek(-len(_MARK), 2)
            return file.read() == _MARK
    except (OSError, ValueError):
        return False


@contextmanager
def writing_video(path: Path, rate: float) -> Iterator[Callable[[NDArray[np.uint8], float], None]]:
    """Writes a video; it is there once the block ends well.

    Frames are written at an even rate: one stays until the next one's second, and of two that fall together the later
    one is left out, so that the video is as long as what it shows.

    Args:
        path: The file, ``.mp4``.
        rate: Frames per second.

    Yields:
        ``write(pixels, seconds)``, for uint8 RGB (H, W, 3) frames; those of another size than the first are resized.

    Raises:
        DataError: There is a file that mfn did not make, or it cannot be written.
        ConfigError: The name does not end in .mp4.
    """
    check_video_name(path)
    with writing(path, is_video_of_ours) as temporary:
        video = _Even(temporary, path, rate)
        try:
            yield video.write
        finally:
            video.close()
        video.prove()
        with temporary.open("ab") as file:
            file.write(_MARK)


class _Even:
    """A video of even rate, opened with its first frame."""

    def __init__(self, place: Path, shown: Path, rate: float) -> None:
        self._place, self._shown, self._rate = place, shown, rate
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._last: NDArray[np.uint8] | None = None
        self._written, self._cut = 0, 0.0

    def write(self, pixels: NDArray[np.uint8], seconds: float) -> None:
        if self._writer is None:
            self._open(pixels.shape[1], pixels.shape[0])
        assert self._writer is not None
        if pixels.shape[1::-1] != self._size:
            pixels = np.asarray(cv2.resize(pixels, self._size, interpolation=cv2.INTER_AREA), np.uint8)
        place = round((seconds - self._cut) * self._rate)
        if (late := place - self._written) > _LONGEST_STILL * self._rate:
            self._cut += late / self._rate
            place = self._written
        picture = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), np.uint8)
        for still in range(self._written, place):
            self._writer.write(self._last if self._last is not None else picture)
            self._written = still + 1
        if place >= self._written:
            self._writer.write(picture)
            self._written = place + 1
        self._last = picture

    def close(self) -> None:
        if self._writer is not None:
            self._writer.release()

    def prove(self) -> None:
        """Makes sure that all was written: OpenCV does not say.

        Raises:
            DataError: It was not.
        """
        if self._writer is None:
            raise DataError(f"{self._shown} was not written: there is no frame")
        written = cv2.VideoCapture(str(self._place.absolute()), cv2.CAP_FFMPEG)
        try:
            if written.isOpened() and written.get(cv2.CAP_PROP_FRAME_COUNT) >= self._written and written.read()[0]:
                return
        finally:
            written.release()
        raise DataError(f"{self._shown} could not be written whole: free some space, or give another name")

    def _open(self, width: int, height: int) -> None:
        self._size = width, height
        code = cv2.VideoWriter.fourcc(*"mp4v")
        self._writer = cv2.VideoWriter(str(self._place.absolute()), cv2.CAP_FFMPEG, code, self._rate, self._size)
        if not self._writer.isOpened():
            raise DataError(f"{self._shown}: OpenCV cannot write a video of {width}x{height} pixels there")
