"""The end of a program that runs until it is told to stop."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ending_well() -> Iterator[None]:
    """Lets SIGTERM end the program with status 0 at any moment of the block, with all that the block has to close.

    A server handles the signal itself while it serves. But what starts servers may send it before: while networks are
    loaded, or as soon as it reads where the server is. Outside of the main thread signals are somebody else's.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
