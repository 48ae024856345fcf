"""Faces in the tar shards of WebDataset, read one by one and in any order."""

import copy
import logging
from pathlib import Path
from typing import Self

import numpy as np

from mfn.errors import BrokenImageError, ConfigError
from mfn.files.home import home
from mfn.images.copies import FILE, Copies, read_copies
from mfn.images.decode import decode_rgb
from mfn.images.passed_over import PassedOver
from mfn.sources.far_files import is_far
from mfn.sources.far_shards import FarShards
from mfn.sources.shard_cache import ShardCache
from mfn.sources.shard_places import LocalShards
from mfn.sources.shard_reader import ShardReader
from mfn.sources.shard_table import ShardTable, indexed, scanned, without_cut_off
from mfn.sources.source import Stream
from mfn.text import printable

logger = logging.getLogger(__name__)

_OPEN = 16
"""Shards that are taken in turns where they lie elsewhere and nobody says how many."""


class ShardDataset:
    """The images of tar shards, in the order of their keys.

    Shards of `mfn prepare shards` come with an index, and have the images of what they were made of, in its order;
    others are looked through at the start. An entry `KEY.jpg` (or of another image format) beside `KEY.cls`, `KEY.json`
    or `KEY.txt` is an image with its label. Nothing is unpacked, and names in a shard are no paths.

    Attributes:
        labels: int64 (N,).
        label_names: Name of each raw label, or None.
        copies: Which images come again as a variant, after the others; None where nobody asked for them.
        passed_over: What is damaged or no image with its label, as far as it is known without decoding.

    Args:
        root: A folder of `*.tar` shards, one of them, or a pattern with braces; or a URL of any of these, as https://
            or s3://.
        virtual_copies: Also give the copies listed in `variants.tsv`, to train on; nothing is judged on those.
        open_shards: A stream of images takes them from so many shards in turns. None: 16 of a URL; of shards on this
            machine all, so that any image may follow any other.
        cache: Folder for the shards of a URL; by default one of mfn's own.
        cache_gb: Most gigabytes of shards that are kept there.

    Raises:
        ConfigError: The root is not given, no URL that is read here, or the cache is too small for the open shards.
        DataError: There are no shards, one is missing or compressed, or most of what is in them is no image with a
            label.
    """

    def __init__(
        self,
        root: str | Path,
        virtual_copies: bool = False,
        open_shards: int | None = None,
        cache: str | Path | None = None,
        cache_gb: float = 50.0,
    ) -> None:
        self.passed_over = PassedOver()
        if is_far(root):
            folder = home() / "shards" if cache is None else Path(cache).expanduser()
            shards = FarShards(str(root), ShardCache(folder, int(cache_gb * 1e9)))
        else:
            shards = LocalShards(root, self.passed_over)
        self.name = shards.name
        self._table = scanned(shards, self.passed_over) if shards.index is None else indexed(shards, shards.index)
        if isinstance(shards, LocalShards) and shards.index is not None:
            self._table = without_cut_off(self._table, shards, shards.index, self.passed_over)
        self._reader = ShardReader(shards, whole=False)
        self._open = min(len(shards.names), open_shards or _OPEN)
        self._streams = open_shards is not None or isinstance(shards, FarShards)
        self._ahead = _ahead(shards, self._open, cache_gb) if isinstance(shards, FarShards) else 0
        self.labels, self.label_names = self._table.labels, self._table.label_names
        self.copies = _copies_of(shards, self._table) if virtual_copies else None
        self._rows = np.arange(len(self._table)) if self.copies is None else self.copies.origins
        self.labels = self.labels[self._rows]
        if sentence := self.passed_over.sentence():
            logger.warning("%s: left out %s", printable(str(root)), sentence)

    def __len__(self) -> int:
        return self.labels.size

    @property
    def names(self) -> list[str]:
        """Shard and key of each image."""
        return [self.describe(index) for index in range(len(self))]

    @property
    def shards(self) -> LocalShards | FarShards:
        """Where the images lie."""
        return self._reader.shards

    @property
    def stream(self) -> Stream | None:
        """How images are read that lie elsewhere, or where `open_shards` was given."""
        if not self._streams:
            return None
        shards = self._reader.shards
        fetch = shards.path if isinstance(shards, FarShards) else _no_fetch
        parts = self._table.shards[self._rows].astype(np.int64)
        return Stream(self._whole(), parts, self._open, self._ahead, fetch)

    def image(self, index: int) -> np.ndarray:
        """Decodes image `index`: uint8 (H, W, 3) RGB.

        Raises:
            BrokenImageError: It cannot be decoded, or its shard ends before it.
            DataError: Its shard cannot be had any more.
        """
        try:
            return decode_rgb(self._bytes(index))
        except BrokenImageError as error:
            raise BrokenImageError(f"{self.describe(index)}: {error}") from None

    def encoded(self, index: int) -> bytes:
        """The image as it is stored; raises as `image` does for its shard."""
        return bytes(self._bytes(index))

    def describe(self, index: int) -> str:
        """Names the shard and the key of image `index`."""
        row = self._rows[index]
        name = self._reader.shards.names[self._table.shards[row]]
        return printable(f"{name} {self._table.key(row)}")

    def _bytes(self, index: int) -> memoryview | bytes:
        row = self._rows[index]
        length = int(self._table.lengths[row])
        found = self._reader.read(int(self._table.shards[row]), int(self._table.starts[row]), length)
        if len(found) != length:
            raise BrokenImageError(f"{self.describe(index)}: its shard ends before it")
        return found

    def _whole(self) -> Self:
        """These images, read out of whole shards."""
        images = copy.copy(self)
        images._reader = ShardReader(self._reader.shards, whole=True, most_open=self._open + 1)
        return images


def _copies_of(shards: LocalShards | FarShards, table: ShardTable) -> Copies | None:
    """The virtual copies that are listed beside the shards."""
    listed = shards.index.has_copies if shards.index is not None else isinstance(shards, LocalShards)
    if not listed:
        return None
    folder = shards.beside(FILE).parent
    if not (folder / FILE).is_file():
        return None
    return read_copies(folder, np.array([table.key(row) for row in range(len(table))]))


def _ahead(shards: FarShards, open_shards: int, cache_gb: float) -> int:
    """How many shards there is room for beside the open ones.

    Raises:
        ConfigError: There is none.
    """
    if not shards.largest:
        return open_shards
    room = int(cache_gb * 1e9 // shards.largest)
    if room <= open_shards < len(shards.names):
        needed = (open_shards + 1) * shards.largest / 1e9
        raise ConfigError(
            f"cache_gb={cache_gb:g} has no room for open_shards={open_shards} shards of {shards.largest / 1e6:,.0f} MB "
            f"and the next one: give cache_gb={needed:.1f}, or fewer open_shards"
        )
    return min(open_shards, max(1, room - open_shards))


def _no_fetch(shard: int) -> None:
    """Shards of this machine are here."""
