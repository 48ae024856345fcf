"""Files from the web: whole and checked, or not at all; a broken download goes on where it stopped."""

import hashlib
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from mfn.errors import DataError, first_line

_BLOCK = 1 << 16
_TRIES = 5
_SECONDS = 30.0
"""Without a byte, after which a connection counts as broken."""

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are here, and with all of them where the server or the catalogue says how many."""


def download(
    url: str,
    target: Path,
    sha256: str,
    size: int | None = None,
    progress: Progress = lambda here, of: None,
    pause: float = 1.0,
) -> Path:
    """Fetches a file, unless it is there already.

    Two processes that want the same file fetch it once.

    Args:
        url: ``http``, ``https`` or ``file``.
        target: Where it goes; what is not whole yet lies beside it as ``.part``.
        sha256: Of the whole file.
        size: Bytes of it; None takes any number.
        progress: Told how far it is.
        pause: Seconds before the first new try; each later one waits twice as long.

    Returns:
        The target.

    Raises:
        DataError: It cannot be had or stored, or what was had is another file.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(target.name + ".lock")):
            if target.is_file() and digest(target) == sha256:
                return target
            part = target.with_name(target.name + ".part")
            _fetch(url, part, size, progress, pause)
            found = digest(part)
            if found != sha256:
                part.unlink()
                raise DataError(
                    f"{url} gave another file than the one known here (SHA-256 {found[:16]}..., expected "
                    f"{sha256[:16]}...); nothing of it was kept. Try another mirror: mfn fetch NAME --mirror URL"
                )
            part.replace(target)
    except OSError as error:  # of the disk; the network's are told where they happen
        raise DataError(f"{target} cannot be written ({error.strerror or first_line(error)})") from error
    return target


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _BrokenOffError(Exception):
    """The connection ended before the file did."""


def _fetch(url: str, part: Path, size: int | None, progress: Progress, pause: float) -> None:
    for attempt in range(_TRIES):
        before = part.stat().st_size if part.is_file() else 0
        try:
            _go_on(url, part, size, progress)
            return
        except _BrokenOffError as error:
            # What came counts: a slow line that breaks again and again still gets there
            stuck = (part.stat().st_size if part.is_file() else 0) <= before
            if stuck and attempt == _TRIES - 1:
                raise DataError(
                    f"{url} cannot be had ({error}); try again later, which goes on where it stopped, or name another "
                    "mirror with --mirror URL"
                ) from error
            time.sleep(pause * 2**attempt)
    raise DataError(f"{url} broke off {_TRIES} times; the same command goes on where it stopped")


def _go_on(url: str, part: Path, size: int | None, progress: Progress) -> None:
    here = part.stat().st_size if part.is_file() else 0
    if size is not None and here >= size:
        if here == size:
            return
        part.unlink()
        here = 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={here}-"} if here else {})
    try:
        answer = urllib.request.urlopen(request, timeout=_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # there is nothing after what is here
            return
        if error.code in (408, 429) or error.code >= 500:
            raise _BrokenOffError(f"the server says {error.code}") from error
        raise DataError(f"{url} cannot be had: the server says {error.code} {error.reason}") from error
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise _BrokenOffError(first_line(error)) from error
    with answer:
        if here and getattr(answer, "status", None) != 206:  # it cannot go on in the middle
            here = 0
        length = answer.headers.get("Content-Length")
        total = size or (here + int(length) if length and length.isdigit() else None)
        if size is not None and length and length.isdigit() and here + int(length) > size:
            raise DataError(f"{url} has {here + int(length):,} bytes, the known file {size:,}: it is another one")
        with part.open("ab" if here else "wb") as file:
            while True:
                try:
                    block = answer.read(_BLOCK)
                except OSError as error:
                    raise _BrokenOffError(first_line(error)) from error
                if not block:
                    break
                try:
                    file.write(block)
                    file.flush()
                except OSError:
                    file.close()
                    os.unlink(part)  # noqa: PTH108 - a full disk wants its room back
                    raise
                here += len(block)
                progress(here, total)
    if total is not None and here < total:
        raise _BrokenOffError(f"{here:,} of {total:,} bytes came")
