"""Many damaged files, read by processes that may die: every crash, hang and strange error by the seed that makes it."""

import logging
import multiprocessing
import resource
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from tests.fuzz.case import READ, SECONDS, TOLD, read_case, watch
from tests.fuzz.kinds import KINDS

MEMORY = 3 << 30
"""Bytes of address space that a reader may take beyond what the process has when it starts."""


@dataclass
class Found:
    """What came of one kind.

    Attributes:
        cases: Damaged files read.
        outcomes: How many were still read, and how many were told of.
        failures: The seed of each that was taken badly, and what happened.
        seconds: All of it.
    """

    cases: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0


def hunt(name: str, seeds: Sequence[int], seconds: float = float("inf")) -> Found:
    """Reads the damaged files of a kind that some seeds make, in a process that is replaced when it dies.

    Args:
        name: Of the kind.
        seeds: One for each file, rising by one.
        seconds: After which it ends, whatever is left.
    """
    found, start = Found(), time.monotonic()
    context = multiprocessing.get_context("fork")
    place = 0
    while place < len(seeds) and time.monotonic() - start < seconds:
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(name, seeds[place:], theirs), daemon=True)
        process.start()
        theirs.close()
        ours.recv()  # EOFError: mfn does not even read the right file; what it says stands above
        ended = False
        while time.monotonic() - start < seconds:
            if not ours.poll(4 * SECONDS):
                found.failures[seeds[place]] = "hangs"
                break
            try:
                told = ours.recv()
            except EOFError:
                process.join()
                found.failures[seeds[place]] = f"kills the process ({process.exitcode})"
                break
            if told is None:
                ended = True
                break
            seed, outcome = told
            found.outcomes[outcome if outcome in (READ, TOLD) else "failed"] += 1
            if outcome not in (READ, TOLD):
                found.failures[seed] = outcome
            place += 1
        else:
            ended = True
        with suppress(OSError):
            process.kill()
        process.join()
        ours.close()
        if ended:
            break
        place += 1
    found.cases, found.seconds = place, time.monotonic() - start
    return found


def _work(name: str, seeds: Sequence[int], told: Connection) -> None:
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    kind = KINDS[name]
    with tempfile.TemporaryDirectory() as folder:
        path = kind.make(Path(folder))
        right = path.read_bytes()
        kind.read(path)  # what is imported at the first reading is no answer to a damaged file
        watch()
        used = _address_space()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
        told.send("ready")
        for seed in seeds:
            told.send((seed, read_case(kind, right, path, seed)))
    told.send(None)


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()
