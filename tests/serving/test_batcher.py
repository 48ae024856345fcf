import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from mfn.serving.batcher import Batcher, FullError


class Work:
    """Doubles numbers; those below zero are broken, and nothing is done before the gate is open."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.threads = set[str]()
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, numbers: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(numbers))
        self.threads.add(threading.current_thread().name)
        assert self.gate.wait(10)
        return [2 * number if number >= 0 else ValueError(str(number)) for number in numbers]


def running(
    do: Callable[[Batcher[int, int], Work], Coroutine[Any, Any, None]], most: int = 4, wait: float = 0.05, room: int = 8
) -> Work:
    work = Work()

    async def all_of_it() -> None:
        batcher = Batcher[int, int](work, most=most, wait=wait, room=room)
        batcher.start()
        await do(batcher, work)
        await batcher.stop()

    asyncio.run(asyncio.wait_for(all_of_it(), 20))
    return work


def test_what_comes_together_is_worked_on_together_in_one_thread() -> None:
    async def do(batcher: Batcher[int, int], work: Work) -> None:
        assert await asyncio.gather(*(batcher(number) for number in range(8))) == [[2 * n] for n in range(8)]

    work = running(do)
    assert work.batches == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert len(work.threads) == 1
    assert threading.current_thread().name not in work.threads


def test_what_comes_meanwhile_makes_the_next_batch() -> None:
    async def do(batcher: Batcher[int, int], work: Work) -> None:
        work.gate.clear()
        first = asyncio.create_task(batcher(0))
        await asyncio.sleep(0.1)
        others = [asyncio.create_task(batcher(number)) for number in (1, 2, 3)]
        await asyncio.sleep(0.05)
        work.gate.set()
        assert await asyncio.gather(first, *others) == [[0], [2], [4], [6]]

    assert running(do, wait=0).batches == [[0], [1, 2, 3]]


def test_a_broken_one_fails_alone() -> None:
    async def do(batcher: Batcher[int, int], work: Work) -> None:
        made = await asyncio.gather(*(batcher(number) for number in (1, -2, 3)), return_exceptions=True)
        assert made[0] == [2]
        assert made[2] == [6]
        assert isinstance(made[1], ValueError)
        with pytest.raises(ValueError, match="-5"):
            await batcher(4, -5)

    running(do)


def test_a_full_queue_says_so_and_takes_two_together_or_not_at_all() -> None:
    async def do(batcher: Batcher[int, int], work: Work) -> None:
        work.gate.clear()
        first = asyncio.create_task(batcher(0))
        await asyncio.sleep(0.05)
        two = asyncio.create_task(batcher(1, 2))
        await asyncio.sleep(0)
        with pytest.raises(FullError):
            await batcher(3, 4)
        assert batcher.waiting == 2
        work.gate.set()
        assert await asyncio.gather(first, two) == [[0], [2, 4]]
        assert await batcher(5) == [10]

    running(do, wait=0, room=3)


def test_the_loop_stays_free_and_one_who_leaves_costs_nothing() -> None:
    async def do(batcher: Batcher[int, int], work: Work) -> None:
        work.gate.clear()
        tasks = [asyncio.create_task(batcher(number)) for number in (1, 2, 3)]
        start = time.perf_counter()
        await asyncio.sleep(0.1)
        assert time.perf_counter() - start < 5
        tasks[1].cancel()
        work.gate.set()
        assert await tasks[0] == [2]
        assert await tasks[2] == [6]
        assert await batcher.alone(lambda: threading.current_thread().name) in work.threads

    running(do)


def test_an_error_of_all_is_told_to_all_and_work_goes_on() -> None:
    def broken(numbers: Sequence[int]) -> list[int]:
        if 7 in numbers:
            raise RuntimeError("out of memory")
        return list(numbers)

    async def all_of_it() -> None:
        batcher = Batcher[int, int](broken, most=4, wait=0.01, room=8)
        batcher.start()
        made = await asyncio.gather(batcher(7), batcher(8), return_exceptions=True)
        assert all(isinstance(each, RuntimeError) for each in made)
        assert await batcher(1) == [1]
        await batcher.stop()

    asyncio.run(asyncio.wait_for(all_of_it(), 20))
