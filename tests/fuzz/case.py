"""One damaged file, read: what came of it."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from mfn.errors import MfnError
from mfn.inference.native import LIMITED
from tests.fuzz.kinds import Kind
from tests.fuzz.mutation import mutated

READ, TOLD = "read", "told"
"""It was still right, or an error said in one sentence what is wrong."""
SECONDS = 10
"""That reading a small file may take."""
RUNS_CODE = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "subprocess.Popen", "socket.connect")
"""Events by which Python tells that something is run or called."""

_watched: list[str] = []
_watching = False


def watch() -> None:
    """Listens from now on to what Python runs; there is no way back, so it is for a process of its own."""
    sys.addaudithook(_note)


def read_case(kind: Kind, right: bytes, path: Path, seed: int) -> str:
    """Reads the file at `path`, damaged by a seed.

    Returns:
        `READ`, `TOLD`, or what is wrong with how mfn took it.
    """
    path.write_bytes(mutated(right, np.random.default_rng(seed)))
    _watched.clear()
    try:
        with _within(SECONDS), _listening():
            kind.read(path)
        outcome = READ
    except MfnError as error:
        outcome = TOLD if str(error).strip() and "\n" not in str(error) else f"no single sentence: {error!s:.300}"
    except TimeoutError:
        outcome = f"takes more than {SECONDS} seconds"
    except Exception as error:
        outcome = f"{type(error).__name__}: {error!s:.300}"
    return f"ran {_watched[0]}" if _watched else outcome


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event.startswith(RUNS_CODE) and not _is_our_trial(arguments):
        _watched.append(f"{event} {arguments!r:.100}")


def _is_our_trial(arguments: tuple[Any, ...]) -> bool:
    """Whether it is the process in which a runtime may die of a file."""
    return (
        len(arguments) > 1 and list(arguments[1])[:2] == [sys.executable, "-c"] and arguments[1][2].startswith(LIMITED)
    )


@contextmanager
def _listening() -> Iterator[None]:
    global _watching
    _watching = True
    try:
        yield
    finally:
        _watching = False


@contextmanager
def _within(seconds: int) -> Iterator[None]:
    def late(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
