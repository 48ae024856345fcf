"""Writing files so that a reader never sees half of one."""

import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TEMPORARY = re.compile(r"\..+\.(?:(?P<host>[^/]*)-)?(?P<pid>\d+)\.tmp(?:\.[^.]+)?")
_ABANDONED = 3600.0
"""Seconds after which nobody on another machine still writes a temporary file."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary name in the same folder; the file there takes the place of `path` once the block ends well.

    A block that raises leaves what was there before, and no temporary file. Only a process that is killed leaves one,
    see :func:`clear_left_behind`.

    Args:
        path: The file to write; its folder is made where it is missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{_host()}-{os.getpid()}.tmp{path.suffix}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def clear_left_behind(folder: Path) -> int:
    """Removes the temporary files of :func:`replacing` whose process is gone; returns how many there were.

    Args:
        folder: Is looked at by itself, not what is below it; it need not be there.
    """
    cleared = 0
    for file in folder.iterdir() if folder.is_dir() else ():
        named = _TEMPORARY.fullmatch(file.name)
        if named and not _may_be_written(file, named["host"], int(named["pid"])):
            file.unlink(missing_ok=True)
            cleared += 1
    return cleared


def _host() -> str:
    return socket.gethostname().partition(".")[0]


def _may_be_written(file: Path, host: str | None, pid: int) -> bool:
    if host in (None, _host()) and os.name == "posix":
        return pid != os.getpid() and _is_running(pid)
    try:
        return time.time() - file.stat().st_mtime < _ABANDONED
    except FileNotFoundError:
        return False


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
