"""A folder of limited size for shards that lie elsewhere: each is fetched once as long as there is room."""

import hashlib
import os
import re
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from filelock import FileLock

from mfn.errors import DataError, first_line
from mfn.files.atomic import clear_left_behind, replacing

_SHARD = re.compile(r"mfn-[0-9a-f]{32}\.tar")
_LOCKS = 64
_TOUCHED = 20.0
"""Seconds after which a shard that is still read is marked again as in use."""

Fetch = Callable[[Path], None]
"""Writes a file at the path it is given."""


def cache_key(*texts: str) -> str:
    """32 hexadecimal digits that stand for some texts."""
    return hashlib.sha256("\0".join(texts).encode(errors="surrogateescape")).hexdigest()[:32]


class ShardCache:
    """Files by key, shared by all processes that name the same folder.

    Shards that were not read for longest go when the room is needed; those that a process still has open are read on.
    Only files of names that nobody else gives are removed.

    Args:
        folder: Where they lie; made where it is missing.
        limit: Bytes of all shards together, beside those that are on their way.

    Raises:
        DataError: The folder cannot be made.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self.limit = limit
        self._marked: dict[str, float] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            clear_left_behind(folder)
        except OSError as error:
            raise self._unwritable(error) from None

    def shard(self, key: str, fetch: Fetch) -> Path:
        """The file of a shard.

        Args:
            key: See `cache_key`.
            fetch: Called where it is not here yet.

        Raises:
            DataError: It cannot be stored, or what `fetch` raises.
        """
        path = self._shard(key)
        if not path.is_file():
            lock = self.folder / f"mfn-{int(key[:8], 16) % _LOCKS:02d}.lock"
            try:
                with FileLock(lock, is_singleton=False):
                    self._store(path, fetch)
            except OSError as error:
                raise self._unwritable(error) from None
        self.mark(key)
        return path

    def has(self, key: str) -> bool:
        """Whether a shard is here."""
        return self._shard(key).is_file()

    def mark(self, key: str) -> None:
        """Says that a shard is in use; often enough is once in some seconds."""
        now = time.monotonic()
        if now - self._marked.get(key, -_TOUCHED) >= _TOUCHED:
            self._marked[key] = now
            with suppress(FileNotFoundError):
                os.utime(self._shard(key))

    def small(self, key: str, name: str, fetch: Fetch) -> Path:
        """A small file, which stays.

        Args:
            key: A folder of its own, see `cache_key`.
            name: Of the file there.
            fetch: Called where it is not here yet.

        Raises:
            DataError: It cannot be stored, or what `fetch` raises.
        """
        path = self.folder / f"mfn-{key}" / name
        if not path.is_file():
            try:
                with replacing(path) as partial:
                    fetch(partial)
            except OSError as error:
                raise self._unwritable(error) from None
        return path

    def _shard(self, key: str) -> Path:
        return self.folder / f"mfn-{key}.tar"

    def _store(self, path: Path, fetch: Fetch) -> None:
        if path.is_file():  # another process was first
            return
        # Until the shard has its name nobody else makes room, or each would take the same room for its own
        with ExitStack() as alone, replacing(path) as partial:
            fetch(partial)
            alone.enter_context(FileLock(self.folder / "mfn-room.lock", is_singleton=False))
            self._make_room(partial.stat().st_size)

    def _make_room(self, size: int) -> None:
        there = []
        for path in self.folder.iterdir():
            with suppress(FileNotFoundError):  # another process removes too
                if _SHARD.fullmatch(path.name):
                    state = path.stat()
                    there.append((state.st_mtime, state.st_size, path))
        over = sum(bytes_ for _, bytes_, _ in there) + size - self.limit
        for _, bytes_, path in sorted(there):
            if over <= 0:
                break
            path.unlink(missing_ok=True)
            over -= bytes_

    def _unwritable(self, error: OSError) -> DataError:
        return DataError(
            f"shards cannot be kept in {self.folder} ({error.strerror or first_line(error)}): free some space, or name "
            "another folder, as in data.cache=DIR"
        )
