"""Photos of many requests that go through the network together, in one thread of their own."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")
T = TypeVar("T")


class FullError(Exception):
    """As much waits as may."""


class Batcher(Generic[Item, Made]):
    """A queue before one worker thread. To be used within one event loop, from `start` to `stop`.

    While a batch is worked on, what comes in makes the next one; so batches grow with the load by themselves, and
    `wait` only helps those that come at the same moment.

    Args:
        work: Is called in the thread with some items, and gives for each what was made of it, or an exception for it.
        most: Items that are worked on together.
        wait: Seconds that the first item of a batch waits for others.
        room: Items that may wait.
        told: Is told the size of each batch.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Sequence[Made | Exception]],
        *,
        most: int,
        wait: float,
        room: int,
        told: Callable[[int], object] = lambda size: None,
    ) -> None:
        self._work, self._most, self._wait, self._room, self._told = work, most, wait, room, told
        self._waiting = deque[tuple[Item, asyncio.Future[Made]]]()
        self._any, self._enough = asyncio.Event(), asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "mfn-faces")
        self._collecting: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Items that nobody works on yet."""
        return len(self._waiting)

    def start(self) -> None:
        """Begins to work."""
        self._collecting = asyncio.create_task(self._collect())

    async def stop(self) -> None:
        """Ends; what is worked on is finished first."""
        if self._collecting is not None:
            self._collecting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._collecting
        self._thread.shutdown()

    async def __call__(self, *items: Item) -> list[Made]:
        """Has items worked on, all in one batch where they fit.

        Raises:
            FullError: There is no room for all of them.
            Exception: What `work` gave for one of them.
        """
        if len(self._waiting) + len(items) > max(self._room, len(items)):
            raise FullError
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in items]
        self._waiting.extend(zip(items, futures, strict=True))
        self._any.set()
        if len(self._waiting) >= self._most:
            self._enough.set()
        made = await asyncio.gather(*futures, return_exceptions=True)
        for each in made:
            if isinstance(each, BaseException):
                raise each
        return [each for each in made if not isinstance(each, BaseException)]

    async def alone(self, function: Callable[[], T]) -> T:
        """Runs something else in the worker thread, between two batches."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    async def _collect(self) -> None:
        while True:
            await self._any.wait()
            if self._wait and len(self._waiting) < self._most:
                self._enough.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._enough.wait(), self._wait)
            batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            if not self._waiting:
                self._any.clear()
            await self._worked_on([each for each in batch if not each[1].cancelled()])

    async def _worked_on(self, batch: Sequence[tuple[Item, asyncio.Future[Made]]]) -> None:
        if not batch:
            return
        self._told(len(batch))
        try:
            made = await self.alone(lambda: self._work([item for item, _ in batch]))
        except Exception as error:  # of `work` itself: whoever waits is told
            made = [error] * len(batch)
        for (_, future), each in zip(batch, made, strict=True):
            if future.cancelled():
                continue
            if isinstance(each, Exception):
                future.set_exception(each)
            else:
                future.set_result(each)
