"""Who does the work: what an executor is, and the one that uses processes of this machine."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import forkserver
from typing import NamedTuple, Protocol

import cv2
import torch

from mfn.errors import ConfigError, DataError
from mfn.prepare.interrupts import deaf, ignore


class Done(NamedTuple):
    """A shard that is written: its number, its rows, how many of them are broken, and one of those."""

    shard: int
    rows: int
    broken: int
    example: str


Job = Callable[[int], Done]
"""Makes the shard of a number. It is pickled to each worker once and may keep what is costly to build."""


class Executor(Protocol):
    """Does a job for many shards, in any order."""

    def __call__(self, job: Job, shards: Sequence[int]) -> Generator[Done]:
        """Yields each shard when it is written.

        Raises:
            MfnError: What the job raised.
        """
        ...


class Local:
    """Processes of this machine, each with one thread, so that sums of floats come out the same in all of them.

    Args:
        workers: How many; None takes one for each core this process may use, 0 works in this process.

    Raises:
        ConfigError: A negative number.
    """

    def __init__(self, workers: int | None = None) -> None:
        if workers is not None and workers < 0:
            raise ConfigError(f"workers={workers} must be null, for one for each core, or at least 0")
        self.workers = _cores() if workers is None else workers

    def __call__(self, job: Job, shards: Sequence[int]) -> Generator[Done]:
        """See `Executor`."""
        if self.workers == 0:
            with _one_thread():
                yield from map(job, shards)
            return
        if not shards:
            return
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        with deaf():
            forkserver.ensure_running()
        pool = ProcessPoolExecutor(min(self.workers, len(shards)), context, _start_worker, (job,))
        try:
            for future in as_completed([pool.submit(_work, shard) for shard in shards]):
                yield future.result()
        except BrokenProcessPool:
            raise DataError(
                "a worker process ended unexpectedly, most often because memory ran out: run the same command again "
                "to go on, with fewer workers="
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _cores() -> int:
    allowed = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    return len(allowed(0)) if allowed else os.cpu_count() or 1


_job: Job | None = None


def _start_worker(job: Job) -> None:
    global _job
    _job = job
    use_one_thread()
    ignore()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _work(shard: int) -> Done:
    assert _job is not None
    return _job(shard)


def _end_with_parent() -> None:
    # A pool's workers hold both ends of its queues, so they would wait for ever for a parent that was killed.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def use_one_thread() -> None:
    """Keeps torch and OpenCV to one thread, for the rest of this process."""
    torch.set_num_threads(1)
    cv2.setNumThreads(0)


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads(), cv2.getNumThreads()
    use_one_thread()
    try:
        yield
    finally:
        torch.set_num_threads(threads[0])
        cv2.setNumThreads(threads[1])
