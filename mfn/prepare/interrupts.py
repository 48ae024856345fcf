"""Ctrl-C, and the SIGTERM that `timeout`, SLURM and systemd send to all processes of a run at once.

The parent alone answers to them: it lets its workers finish what they have begun, and what is done stays done.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Terminated(KeyboardInterrupt):
    """What SIGTERM raises in the parent."""


@contextmanager
def terminable() -> Iterator[None]:
    """Makes SIGTERM end the block as Ctrl-C does; outside of the main thread signals are somebody else's."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def deaf() -> Iterator[None]:
    """Processes that are started in the block ignore the signals, as do all that these start."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [signal.signal(number, signal.SIG_IGN) for number in _SIGNALS]
    try:
        yield
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)


def ignore() -> None:
    """Makes this process, a worker, leave the signals to its parent."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated
