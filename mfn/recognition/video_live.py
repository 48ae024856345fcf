"""The newest frame of what does not wait: a thread reads, and frames that nobody took in time are dropped."""

import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mfn.recognition.video import Reader

_GLANCE = 0.1
"""Seconds between two looks at whether to stop."""


class Newest:
    """The frame that came last.

    Attributes:
        dropped: Frames that were not taken.
        is_silent: Whether the last wait ended because nothing came.

    Args:
        reader: Blocks until a frame is there.
        pace: Seconds for which each frame is shown, for a file that plays as if it was live; 0 for what has its own.
    """

    def __init__(self, reader: "Reader", pace: float = 0.0) -> None:
        self.dropped, self.is_silent = 0, False
        self._reader, self._pace = reader, pace
        self._fresh = threading.Condition()
        self._frame: tuple[int, NDArray[np.uint8], float] | None = None
        self._is_over, self._is_closed = False, False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="mfn-video", daemon=True)
        self._thread.start()

    def next(self, patience: float, stop: threading.Event) -> tuple[int, NDArray[np.uint8], float] | None:
        """Number, pixels and second of the newest frame; None at the end, once stopped, or if none comes in time."""
        until = time.monotonic() + patience
        self.is_silent = False
        with self._fresh:
            while self._frame is None:
                if self._error is not None:
                    raise self._error
                if self._is_over or stop.is_set():
                    return None
                if time.monotonic() >= until:
                    self.is_silent = True
                    return None
                self._fresh.wait(_GLANCE)
            frame, self._frame = self._frame, None
            return frame

    def close(self) -> None:
        """Ends the thread, which may need until its reader's timeout to notice."""
        self._is_closed = True
        self._thread.join(timeout=1.0)

    def _run(self) -> None:
        number, began = 0, None
        try:
            while not self._is_closed and (got := self._reader.read()) is not None:
                began = time.monotonic() if began is None else began
                if self._pace:
                    time.sleep(max(0.0, began + number * self._pace - time.monotonic()))
                seconds = number * self._pace if self._pace else time.monotonic() - began
                self._offer((number, got[0], seconds))
                number += 1
        except Exception as error:  # for whoever takes the frames
            self._error = error
        finally:
            self._reader.close()
            with self._fresh:
                self._is_over = True
                self._fresh.notify_all()

    def _offer(self, frame: Any) -> None:
        with self._fresh:
            self.dropped += self._frame is not None
            self._frame = frame
            self._fresh.notify_all()
