"""Images embedded by several processes, each a part, so that all have what one process would have."""

import logging
from collections.abc import Callable
from typing import NoReturn

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray

from mfn.errors import DataError, MfnError, first_line
from mfn.ranks import Ranks, control_group, from_all

log = logging.getLogger(__name__)

LOOK_EVERY = 16
"""Batches between two looks at whether another process has failed."""
_AT_A_TIME = 2**24
"""Numbers sent at a time."""


class Listening:
    """Ends the work of all processes, soon after one has failed, with the same error.

    Args:
        count: Told of the images of all processes, as each reports its own.
        share: Which process this is.
        sizes: Images of each process.
        batch_size: Images of a batch.
    """

    def __init__(self, count: Callable[[int], None], share: Ranks, sizes: list[int], batch_size: int) -> None:
        self._count = count
        self._share = share
        self._total, self._own = sum(sizes), sizes[share.rank]
        self._looks = -(-max(sizes) // batch_size) // LOOK_EVERY + 1
        self._batches = self._done = self._told = 0
        self._agreed = False

    def __call__(self, number: int) -> None:
        """Reports a batch of so many images.

        Raises:
            MfnError: Another process has failed.
        """
        self._done += number
        shown = round(self._total * self._done / self._own)
        self._count(shown - self._told)
        self._told = shown
        self._batches += 1
        if self._batches % LOOK_EVERY == 0:
            self._look(None)

    def end(self) -> None:
        """Waits until the others are done.

        Raises:
            MfnError: Another process has failed.
        """
        while self._looks:
            self._look(None)

    def fail(self, error: Exception) -> NoReturn:
        """Tells the others of an error, unless they know.

        Raises:
            MfnError: The first of all errors, the same in all processes.
        """
        if self._agreed:
            raise error
        if not isinstance(error, MfnError):
            log.debug("where it came from", exc_info=error)
            rank, size = self._share
            error = DataError(f"process {rank} of {size}: {type(error).__name__}: {first_line(error)}")
        self._look(error)
        raise error

    def _look(self, error: MfnError | None) -> None:
        self._looks -= 1
        if errors := [told for told in from_all(error) if told is not None]:
            self._agreed = True
            raise errors[0]


def rows_of_all(own: NDArray[np.generic], share: Ranks) -> NDArray[np.generic]:
    """The rows of all processes, one after the other, in each of them.

    Args:
        own: (n, ...), of one type in all processes; n may differ.
        share: Which process this is.
    """
    counts = from_all(len(own))
    whole = np.empty((sum(counts), *own.shape[1:]), own.dtype)
    start = 0
    for rank, count in enumerate(counts):
        part = whole[start : start + count]
        if rank == share.rank:
            part[:] = own
        send(part, rank)
        start += count
    return whole


def send(rows: NDArray[np.generic], source: int) -> None:
    """Fills an array in all processes with what process ``source`` has in it."""
    numbers = torch.from_numpy(rows).view(-1)
    for start in range(0, len(numbers), _AT_A_TIME):
        dist.broadcast(numbers[start : start + _AT_A_TIME], source, group=control_group())
