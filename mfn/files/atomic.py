"""Writing files so that a reader never sees half of one."""

import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TEMPORARY = re.compile(r"\..+\.(?:(?P<host>[^/]*)-)?(?P<pid>\d+)\.tmp(?:\.[^.]+)?")
_ABANDONED = 3600.0
"""Seconds after which nobody on another machine still writes a temporary file."""
_being_written = set[Path]()
"""Temporary files and folders of this process."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary name in the same folder; the file there takes the place of `path` once the block ends well.

    A block that raises leaves what was there before, and no temporary file. Only a process that is killed leaves one,
    see :func:`clear_left_behind`.

    Args:
        path: The file to write; its folder is made where it is missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{process_name()}.tmp{path.suffix}")
    with _registered(temporary):
        try:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def hidden_folder(path: Path) -> Iterator[Path]:
    """Gives an empty folder beside `path` that is removed at the end, with what is still in it.

    Args:
        path: What is made there; its own folder is made where it is missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{process_name()}.tmp")
    with _registered(temporary):
        shutil.rmtree(temporary, ignore_errors=True)  # of a process that had our number
        temporary.mkdir()
        try:
            yield temporary
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def clear_left_behind(folder: Path) -> int:
    """Removes what :func:`replacing` and :func:`hidden_folder` left of processes that are gone.

    Args:
        folder: Is looked at by itself, not what is below it; it need not be there.

    Returns:
        How many files and folders that were.
    """
    cleared = 0
    for path in folder.iterdir() if folder.is_dir() else ():
        named = _TEMPORARY.fullmatch(path.name)
        if not named or path in _being_written or _may_be_written(path, named["host"], int(named["pid"])):
            continue
        if not path.is_dir():
            path.unlink(missing_ok=True)
        elif named["host"]:  # versions before had no such folders
            shutil.rmtree(path, ignore_errors=True)
        cleared += 1
    return cleared


def is_temporary(name: str) -> bool:
    """Whether a name is one that :func:`replacing` and :func:`hidden_folder` give."""
    return _TEMPORARY.fullmatch(name) is not None


def process_name() -> str:
    """Machine and number of this process."""
    return f"{_host()}-{os.getpid()}"


@contextmanager
def _registered(temporary: Path) -> Iterator[None]:
    _being_written.add(temporary)
    try:
        yield
    finally:
        _being_written.discard(temporary)


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
