"""Worker processes that leave signals to the process they work for.

`timeout`, SLURM, systemd and Ctrl-C send a signal to all processes of a run. The one that trains still needs batches to
get to a place where it can stop; a worker that ended first would end the run without its last checkpoint.
"""

import atexit
import signal
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess

STOP = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_signals_held() -> Iterator[None]:
    """Holds signals back while workers are made, who inherit that until they ignore them by themselves."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore_stop_signals() -> None:
    """Ignores them from now on; for the main thread of a worker."""
    for number in STOP:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP)


_alive: "weakref.WeakSet[BaseProcess]" = weakref.WeakSet()


def end_at_exit(workers: Iterable[BaseProcess]) -> None:
    """Makes sure that workers who ignore SIGTERM do not keep this process from ending."""
    _alive.update(workers)


@atexit.register
def _kill() -> None:
    for worker in list(_alive):
        if worker.is_alive():
            worker.kill()
