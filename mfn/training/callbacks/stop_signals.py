"""SIGINT and SIGTERM as a wish to stop, which is heard where a run can be saved."""

import signal
import threading
from types import FrameType

WISHES = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """Takes the signals over while it is installed. A second one of a kind does what it did before.

    In a thread other than the main one, as in notebooks and sweeps that train in threads, signals cannot be taken over
    and stay what they are.

    Attributes:
        asked: Name of the signal that came, "" before one did.
    """

    def __init__(self) -> None:
        self.asked = ""
        self._before: dict[signal.Signals, object] = {}

    def install(self) -> None:
        """Begins to listen."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._hear) for number in WISHES}

    def restore(self) -> None:
        """Gives the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before = {}

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        self.asked = signal.Signals(number).name
        if (before := self._before.pop(signal.Signals(number), None)) is not None:
            signal.signal(number, before)  # type: ignore[arg-type]
