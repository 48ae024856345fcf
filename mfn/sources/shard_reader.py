"""Bytes out of tar shards: from a map of the shard, or one image alone where the shard lies elsewhere."""

from collections import OrderedDict
from threading import Lock
from typing import Any

from mfn.errors import DataError
from mfn.files.mapped import mapped
from mfn.sources.far_shards import FarShards
from mfn.sources.shard_cache import cache_key
from mfn.sources.shard_places import LocalShards

_MAPPED = 256
"""Shards that a process holds open; each takes one of the 1,024 files that most systems allow."""
_TRIES = 3


class ShardReader:
    """Reads images by their place; a process that it is sent to opens the shards again.

    Args:
        shards: Where they are.
        whole: Fetch shards that lie elsewhere as a whole, as is right for a stream of images that comes shard by shard.
            Otherwise single images are fetched and kept: those that are judged on lie in all shards.
        most_open: Shards held open; one that the cache has let go of takes room on the disk until then.
    """

    def __init__(self, shards: LocalShards | FarShards, *, whole: bool, most_open: int = _MAPPED) -> None:
        self.shards = shards
        self.whole = whole
        self._most_open = min(_MAPPED, most_open)
        self._start()

    def read(self, shard: int, start: int, length: int) -> memoryview | bytes:
        """Some bytes of a shard, fewer where it ends before.

        Raises:
            DataError: The shard cannot be had.
        """
        if isinstance(self.shards, FarShards):
            if not self.whole:
                return self._single(self.shards, shard, start, length)
            self.shards.mark(shard)
        return self._mapped(shard)[start : start + length]

    def _single(self, shards: FarShards, shard: int, start: int, length: int) -> bytes:
        key = cache_key(shards.key(shard), str(start), str(length))
        name = f"{key}.image"

        def fetch(partial: Any) -> None:
            data = None if shards.is_here(shard) else shards.part(shard, start, length)
            partial.write_bytes(bytes(self._mapped(shard)[start : start + length]) if data is None else data)

        return shards.cache.small(key[:2], name, fetch).read_bytes()

    def _mapped(self, shard: int) -> memoryview:
        with self._lock:
            if shard in self._open:
                self._open.move_to_end(shard)
                return self._open[shard]
        file = self._map(shard)
        with self._lock:
            self._open[shard] = file
            while len(self._open) > self._most_open:
                self._open.popitem(last=False)
        return file

    def _map(self, shard: int) -> memoryview:
        for attempt in range(_TRIES):
            path = self.shards.path(shard)
            try:
                return mapped(path)
            except DataError:  # another process made room in the cache just now
                if attempt == _TRIES - 1 or path.exists():
                    raise
        raise AssertionError

    def _start(self) -> None:
        self._open: OrderedDict[int, memoryview] = OrderedDict()
        self._lock = Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {"shards": self.shards, "whole": self.whole, "_most_open": self._most_open}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start()
