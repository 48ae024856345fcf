"""Tar shards behind a URL, see `mfn.sources.shard_places.Shards`."""

import hashlib
import re
from pathlib import Path

from mfn.errors import DataError
from mfn.images.passed_over import PassedOver
from mfn.packs.tarshards.kept_samples import keep_samples, kept_samples
from mfn.packs.tarshards.shard_index import INDEX, ShardIndex, parse_index
from mfn.packs.tarshards.tar_members import COMPRESSED_NAME, SUFFIX
from mfn.packs.tarshards.tar_samples import TarSamples
from mfn.sources import far_files
from mfn.sources.shard_cache import ShardCache, cache_key
from mfn.sources.shard_places import WANTED, compressed, expanded, unrepeated
from mfn.text import printable

_NAME = re.compile(r"[^/\\\0?#:%]{1,200}\.tar", re.IGNORECASE)
_KEPT = "samples.json"


class FarShards:
    """Shards that are fetched into a cache, as a whole for a stream of images and in parts for single ones.

    Args:
        root: URL of their folder or its index, of one shard, or a pattern of shards with braces.
        cache: Where they are kept.

    Raises:
        ConfigError: It is no URL that is read here.
        DataError: There are no shards, or they cannot be had.
    """

    def __init__(self, root: str, cache: ShardCache) -> None:
        far_files.check_url(root)
        self.cache = cache
        self.reads_parts = True
        urls = [url for url in unrepeated(expanded(root), root) if _is_shard(url)]
        self._folder = _folder_of(urls[0] if urls else root)
        self.name = self._folder.rpartition("/")[2]
        data = None
        if all(_folder_of(url) == self._folder for url in urls):
            data = far_files.read_if_there(f"{self._folder}/{INDEX}")
        index = None if data is None else parse_index(data, f"{self._folder}/{INDEX}")
        self._urls = urls or [f"{self._folder}/{name}" for name in self._names_there(root, index)]
        self.names = [_name_in(url) for url in self._urls]
        self.index = index if index is not None and index.lists(self.names) else None
        told = {} if self.index is None else {shard.name: shard for shard in self.index.shards}
        self._told = [told.get(name) for name in self.names]
        self._keys: dict[int, str] = {}
        self._set = cache_key(self._folder, hashlib.sha256(data or b"").hexdigest())

    def path(self, shard: int) -> Path:
        """The whole shard in the cache.

        Raises:
            DataError: It cannot be had, or is another one than the index describes.
        """
        return self.cache.shard(self.key(shard), lambda partial: self._fetch(shard, partial))

    def key(self, shard: int) -> str:
        """What the cache calls a shard: another name for other content."""
        if shard not in self._keys:
            told, url = self._told[shard], self._urls[shard]
            self._keys[shard] = cache_key(url, told.sha256 if told else far_files.version(url))
        return self._keys[shard]

    def is_here(self, shard: int) -> bool:
        """Whether the cache holds the whole shard."""
        return self.cache.has(self.key(shard))

    def mark(self, shard: int) -> None:
        """Says that a shard is in use."""
        self.cache.mark(self.key(shard))

    @property
    def largest(self) -> int:
        """Bytes of the largest shard, as far as they are known."""
        return max(shard.size for shard in self._told if shard) if self.index else 0

    def samples(self, shard: int) -> tuple[TarSamples, PassedOver]:
        """What is in the shard; it is fetched once to learn this, and what it was is kept."""
        return kept_samples(
            self.cache.small(
                self.key(shard), _KEPT, lambda partial: keep_samples(partial, self.path(shard), self.names[shard])
            )
        )

    def part(self, shard: int, start: int, length: int) -> bytes | None:
        """Bytes of a shard that is not here as a whole; None where its server gives no parts."""
        if not self.reads_parts:
            return None
        data = far_files.read(self._urls[shard], start, start + length)
        self.reads_parts = len(data) == length
        return data if self.reads_parts else None

    def beside(self, name: str) -> Path:
        """A small file of the folder, in the cache."""
        return self.cache.small(self._set, name, lambda partial: far_files.fetch(f"{self._folder}/{name}", partial))

    def _fetch(self, shard: int, partial: Path) -> None:
        url, told = self._urls[shard], self._told[shard]
        far_files.fetch(url, partial)
        if told is None:
            return
        with partial.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != told.sha256:
            raise DataError(f"{url} is another file than {INDEX} describes: put the set there again, as it was written")

    def _names_there(self, root: str, index: ShardIndex | None) -> list[str]:
        if index is not None:
            return [shard.name for shard in index.shards]
        if COMPRESSED_NAME.fullmatch(_name_in(root)):
            raise DataError(f"{root} means {compressed(_name_in(root))}")
        if _name_in(root) == INDEX:
            raise DataError(f"{root} is missing, or mfn prepare shards did not write it: {WANTED}")
        names = [name for name in far_files.listed(self._folder) if _NAME.fullmatch(name) and not name.startswith(".")]
        if not names:
            raise DataError(
                f"{root} holds no {INDEX} of mfn prepare shards and lists no *{SUFFIX}: name the shards, as in "
                "URL/shard-{000000..000012}.tar"
            )
        return names


def _is_shard(url: str) -> bool:
    return _name_in(url).lower().endswith(SUFFIX)


def _name_in(url: str) -> str:
    """The last part of a URL's path."""
    return printable(url.partition("?")[0].rpartition("/")[2])


def _folder_of(url: str) -> str:
    """The folder of a shard or an index, or that a URL is itself."""
    path = url.partition("?")[0]
    return path.rpartition("/")[0] if _is_shard(url) or _name_in(url) == INDEX else path.rstrip("/")
