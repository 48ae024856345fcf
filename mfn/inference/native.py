"""Runtimes of others and files of strangers: errors are one sentence, and a crash is that of another process."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mfn.errors import CheckpointError, MfnError, first_line

LIMITED = """
import sys
words = sys.argv[2:]
try:
    import resource
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    most = int(sys.argv[1]) if hard == resource.RLIM_INFINITY else min(int(sys.argv[1]), hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
except (ImportError, OSError, ValueError):
    pass
"""
"""How every program of a trial begins."""


def survives(program: str, *words: object, size: int) -> bool:
    """Whether another process can do something with a file, with so much memory as a network for faces may take.

    Some runtimes trust their files: damaged ones crash the process, or take all memory.

    Args:
        program: Python that loads the file and runs it; it has `words`, and should import little else than the runtime.
        words: For the program, as text.
        size: Bytes of the network.
    """
    command = [sys.executable, "-c", LIMITED + program, str(2 * 2**30 + 16 * size), *map(str, words)]
    try:
        return not subprocess.run(command, capture_output=True, timeout=60).returncode
    except subprocess.TimeoutExpired:
        return False


@contextmanager
def told(path: Path, runtime: str) -> Iterator[None]:
    """Says of whatever a runtime raises that it cannot run the file.

    Args:
        path: The file.
        runtime: As in ``as TFLite``.

    Raises:
        CheckpointError: Something was raised.
    """
    try:
        yield
    except MfnError:
        raise
    except OSError as error:
        raise CheckpointError(f"{error.filename or path}: {error.strerror or first_line(error)}") from error
    except Exception as error:  # the runtimes' errors have no common base
        raise CheckpointError(f"{path} cannot be run {runtime} ({first_line(error)})") from error
