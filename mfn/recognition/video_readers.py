"""What decodes videos: OpenCV, and PyAV for what OpenCV's FFmpeg was built without."""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mfn.about import optional
from mfn.errors import ConfigError, DataError, first_line

Read = tuple[NDArray[np.uint8], float | None]
_TEXT = "ansi"
"""FFmpeg plays text files as terminals would show them."""


class OpenCvReader:
    """Reads with OpenCV, see `mfn.recognition.video.Reader`.

    Args:
        source: A file, the number of a camera, or an address.
        kind: camera | address | file.
        name: For messages.
        timeout: Seconds to wait for an address.

    Raises:
        DataError: It cannot be opened.
    """

    def __init__(self, source: str, kind: str, name: str, timeout: float) -> None:
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # read when OpenCV first opens a video: we say it better
        level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        try:
            self._capture = _opened(source, kind, name, timeout)
        finally:
            cv2.utils.logging.setLogLevel(level)
        if not self._capture.isOpened():
            raise DataError(_not_open(kind, name, timeout))
        if kind != "camera" and _letters(self._capture.get(cv2.CAP_PROP_FOURCC)) == _TEXT:
            raise DataError(_not_open("file", name, timeout))
        self._is_camera = kind == "camera"
        self.rate = self._capture.get(cv2.CAP_PROP_FPS)
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.count = 0 if self._is_camera or not 0 < count < 2**53 else int(count)

    def read(self) -> Read | None:
        """The next frame, uint8 RGB, with its timestamp in seconds; None at the end."""
        is_there, pixels = self._capture.read()
        if not is_there:
            return None
        stamp = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        rgb = cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB if pixels.ndim == 2 else cv2.COLOR_BGR2RGB)
        return np.asarray(rgb, np.uint8), None if self._is_camera else stamp

    def close(self) -> None:
        """Lets go of the file or device."""
        self._capture.release()


class AvReader:
    """Reads with PyAV, see `mfn.recognition.video.Reader`; cameras are OpenCV's.

    Args:
        source: A file or an address.
        kind: address | file.
        name: For messages.
        timeout: Seconds to wait for an address.

    Raises:
        DataError: It cannot be opened, or has no pictures.
        ConfigError: It is a camera, or PyAV is not installed.
    """

    def __init__(self, source: str, kind: str, name: str, timeout: float) -> None:
        av = optional("av", "--reader av needs PyAV", "watch", ConfigError, "; or leave the reader out")
        if kind == "camera":
            raise ConfigError("--reader av reads files and addresses: leave the reader out for a camera")
        place = str(Path(source).absolute()) if kind == "file" else source
        self._errors: type[Exception] = av.error.FFmpegError
        try:
            self._container: Any = av.open(place, timeout=(timeout, timeout), metadata_errors="ignore")
        except (self._errors, OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or first_line(error)
            raise DataError(f"{_not_open(kind, name, timeout)} ({why})") from error
        if not self._container.streams.video or self._container.format.name == "tty":
            raise DataError(_not_open("file", name, timeout))
        stream = self._container.streams.video[0]
        stream.thread_type = "AUTO"
        self.rate = float(stream.average_rate or 0)
        self.count = int(stream.frames or 0) or _estimated(stream, self.rate)
        self._frames: Iterator[Any] = self._container.decode(stream)

    def read(self) -> Read | None:
        """The next frame, uint8 RGB, with its timestamp in seconds; None at the end and where it is damaged."""
        try:
            frame = next(self._frames, None)
        except (self._errors, OSError, ValueError):  # the rest cannot be read: frames that lack are told of
            return None
        if frame is None:
            return None
        pixels = frame.to_ndarray(format="rgb24")
        return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90))), frame.time

    def close(self) -> None:
        """Lets go of the file or stream."""
        self._container.close()


def _opened(source: str, kind: str, name: str, timeout: float) -> cv2.VideoCapture:
    if kind == "camera":
        return cv2.VideoCapture(int(source), cv2.CAP_ANY)
    place = str(Path(source).absolute()) if kind == "file" else source  # "concat:..." would be FFmpeg's to interpret
    try:
        place.encode()
    except UnicodeEncodeError:  # which OpenCV crashes on
        raise DataError(f"{name}: OpenCV cannot open a name that is no UTF-8; rename the file") from None
    patience = math.ceil(1000 * timeout)
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, patience, cv2.CAP_PROP_READ_TIMEOUT_MSEC, patience]
    return cv2.VideoCapture(place, cv2.CAP_FFMPEG, limits if kind == "address" else [])


def _not_open(kind: str, name: str, timeout: float) -> str:
    if kind == "camera":
        return f"there is no {name}, or another program has it; Linux lists cameras as /dev/video0 and so on"
    if kind == "address":
        return f"{name} gave no video within {timeout:g} seconds: check the address, or give it a longer --timeout"
    return f"{name} cannot be opened as a video: it is none, or its beginning or end is missing"


def _letters(code: float) -> str:
    return int(code).to_bytes(4, "little").decode("latin-1") if 0 < code < 2**32 else ""


def _estimated(stream: Any, rate: float) -> int:
    return int(stream.duration * stream.time_base * rate) if stream.duration and rate else 0
