"""What a person sees while photos are worked on: a bar on a terminal, log lines otherwise."""

import logging
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mfn.prepare.executors import Done

log = logging.getLogger(__name__)

_SECONDS = 10.0
"""Between two log lines."""


def tracked(done: Iterable[Done], total: int, finished: int, console: Console | None = None) -> Iterator[Done]:
    """Passes shards on as they come in, and tells how far the work is.

    Args:
        done: The shards.
        total: Photos of the whole source.
        finished: Photos that an earlier run did; they do not count in the rate.
        console: Where the bar goes, standard error unless told otherwise.
    """
    console = console or Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} photos/s"),
        TimeRemainingColumn(),
    )
    started = told = time.perf_counter()
    count = 0
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("photos", total=total, completed=finished, rate="-")
        for shard in done:
            count += shard.rows
            now = time.perf_counter()
            rate = count / (now - started)
            bar.update(task, advance=shard.rows, rate=f"{rate:.1f}")
            if not console.is_terminal and now - told >= _SECONDS:
                left = timedelta(seconds=round((total - finished - count) / rate))
                log.info("%d/%d photos, %.1f photos/s, %s left", finished + count, total, rate, left)
                told = now
            yield shard
