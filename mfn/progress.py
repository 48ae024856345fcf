"""What a person sees while many things are worked on: a bar on a terminal, log lines otherwise."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Count = Callable[..., None]

_SECONDS = 10.0
"""Between two log lines."""


@contextmanager
def counting(total: int, unit: str, name: str = "", console: Console | None = None) -> Iterator[Count]:
    """Tells how far some work is, its rate and the time left.

    Args:
        total: How many there are in all.
        unit: What is counted, such as ``images``.
        name: What the work is on, where there is more than one.
        console: Where the bar goes, standard error unless told otherwise.

    Yields:
        ``count(number, fresh=True)``, to be called as the work goes on; what was done before (``fresh=False``) counts
        as done, but not in the rate.
    """
    console = console or Console(stderr=True)
    pace = _Pace(total)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
    )
    said_at = time.perf_counter()
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(escape(name or unit), total=total, pace="")

        def count(number: int, fresh: bool = True) -> None:
            nonlocal said_at
            pace.count(number, fresh)
            bar.update(task, advance=number, pace=f"{pace.rate:.1f} {unit}/s, {pace.left} left")
            if not console.is_terminal and time.perf_counter() - said_at >= _SECONDS:
                prefix = f"{name}: " if name else ""
                log.info("%s%d/%d %s, %.1f %s/s, %s left", prefix, pace.done, total, unit, pace.rate, unit, pace.left)
                said_at = time.perf_counter()

        yield count


def tracked(
    items: Iterable[Item],
    total: int,
    unit: str,
    size: Callable[[Item], int],
    finished: int = 0,
    console: Console | None = None,
) -> Iterator[Item]:
    """Passes items on as they come in and tells how far the work is, see `counting`.

    Args:
        items: What comes in.
        total: What they count in all, with what was done before.
        unit: What is counted.
        size: What one item counts.
        finished: What an earlier run did.
        console: Where the bar goes, standard error unless told otherwise.
    """
    with counting(total, unit, console=console) as count:
        count(finished, fresh=False)
        for item in items:
            count(size(item))
            yield item


class _Pace:
    """How much is done, and how fast."""

    def __init__(self, total: int) -> None:
        self.done = 0
        self._total, self._fresh, self._started = total, 0, time.perf_counter()

    def count(self, number: int, fresh: bool) -> None:
        self.done += number
        self._fresh += number if fresh else 0

    @property
    def rate(self) -> float:
        return self._fresh / max(time.perf_counter() - self._started, 1e-9)

    @property
    def left(self) -> timedelta | str:
        left = max(0, self._total - self.done)
        return timedelta(seconds=round(left / self.rate) if left else 0) if self._fresh or not left else "unknown time"
