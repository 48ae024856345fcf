"""What codecs say to the terminal while they decode, heard instead of shown.

libjpeg and libpng tell of damage by a line on C's standard error, for each image anew. While an image is decoded, C's
`stderr` is a stream in memory (with glibc; elsewhere the lines are shown as ever). Python's own standard error, file
descriptor 2 and with it tracebacks and crash reports are not touched, and what no codec says is passed on.
"""

import ctypes
import os
import platform
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import cv2

T = TypeVar("T")

_DAMAGE = re.compile(r"Corrupt JPEG data|Premature end of JPEG|Inconsistent progression|Invalid SOS|libpng error")
_CHATTER = re.compile(r"Unknown Adobe|Warning: unknown JFIF|Application transferred|libpng warning|\s*$")
_OPENCV: Any = cv2.utils.logging if hasattr(cv2.utils, "logging") else cv2  # of OpenCV 5, and 4
_SILENT = 0


class _Ear:
    """Listens as long as anybody decodes."""

    def __init__(self) -> None:
        self._stream = _MemoryStream() if platform.libc_ver()[0] == "glibc" else None
        self._level = _OPENCV.getLogLevel()
        self._start()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._start_in_child)

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._listeners = 0
        self._lines: list[str] = []

    def _start_in_child(self) -> None:
        if self._listeners:
            self._restore()
        self._start()

    def begin(self) -> int:
        with self._lock:
            if self._listeners == 0:
                _OPENCV.setLogLevel(_SILENT)
                if self._stream is not None:
                    self._stream.redirect()
            self._listeners += 1
            return len(self._lines)

    def end(self, start: int) -> list[str]:
        with self._lock:
            if self._stream is not None and (text := self._stream.take()):
                self._hear(text)
            heard = self._lines[start:]
            self._listeners -= 1
            if self._listeners == 0:
                self._restore()
                self._lines = []
            return heard

    def _hear(self, text: str) -> None:
        for line in text.splitlines():
            if _DAMAGE.match(line):
                self._lines.append(line)
            elif not _CHATTER.match(line):
                os.write(2, f"{line}\n".encode())

    def _restore(self) -> None:
        _OPENCV.setLogLevel(self._level)
        if self._stream is not None:
            self._stream.restore()


class _MemoryStream:
    """A stream of C that keeps what is written to it, to stand in for `stderr`."""

    def __init__(self) -> None:
        self._c = ctypes.PyDLL(None)  # keeps the interpreter's lock, so that nothing comes between two calls
        self._c.open_memstream.restype = ctypes.c_void_p
        self._c.fflush.argtypes = [ctypes.c_void_p]
        self._c.fseek.argtypes = [ctypes.c_void_p, ctypes.c_long, ctypes.c_int]
        self._text, self._size = ctypes.c_void_p(), ctypes.c_size_t()
        self._stream = self._c.open_memstream(ctypes.byref(self._text), ctypes.byref(self._size))
        self._stderr = ctypes.c_void_p.in_dll(self._c, "stderr")
        self._original = self._stderr.value

    def redirect(self) -> None:
        self._stderr.value = self._stream

    def restore(self) -> None:
        self._stderr.value = self._original

    def take(self) -> str:
        self._c.fflush(self._stream)
        if not self._size.value or not self._text.value:
            return ""
        said = ctypes.string_at(self._text.value, self._size.value)
        self._c.fseek(self._stream, 0, os.SEEK_SET)
        return said.decode(errors="replace")


_ear = _Ear()


def overheard(call: Callable[[], T]) -> tuple[T, list[str]]:
    """What a call returns, and the damage that codecs told of meanwhile.

    Calls in several threads at a time hear each other's.
    """
    start = _ear.begin()  # not by `hearing`, which takes longer than both of these
    heard: list[str] = []
    try:
        result = call()
    finally:
        heard = _ear.end(start)
    return result, heard


@contextmanager
def hearing() -> Iterator[list[str]]:
    """A list that, once the block has ended, holds the damage that codecs told of in it."""
    start = _ear.begin()
    heard: list[str] = []
    try:
        yield heard
    finally:
        heard += _ear.end(start)
