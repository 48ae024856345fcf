"""Writing tar shards with the WebDataset library: the same images give the same bytes."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mfn.about import optional
from mfn.errors import ConfigError
from mfn.packs.tarshards.tar_members import BLOCK, padded


def tar_writer() -> Callable[..., Any]:
    """The library's `TarWriter`.

    Raises:
        ConfigError: The library is not installed.
    """
    return optional(
        "webdataset", "tar shards are written with the WebDataset library", "webdataset", ConfigError
    ).TarWriter


class ShardWriter:
    """One shard: entries `KEY.FIELD` with a fixed date, owner and mode.

    Args:
        path: Of the file; it is written where it stands.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        # A file, never a name: the library would run a name that begins with `pipe:`
        self._tar = tar_writer()(self._file, user="mfn", group="mfn", mtime=0, encoder=False)

    @property
    def size(self) -> int:
        """Bytes of the entries so far."""
        return self._tar.tarstream.offset

    def add(self, key: str, image: tuple[str, bytes], label: tuple[str, bytes]) -> int:
        """Appends a sample.

        Args:
            key: Of digits.
            image: Its field, as "jpg", and the encoded image.
            label: Its field, as "cls", and what it holds.

        Returns:
            The byte in the file at which the image begins.
        """
        fields = dict((image, label))
        before = {field: padded(len(fields[field])) + BLOCK for field in sorted(fields) if field < image[0]}
        start = self.size + sum(before.values()) + BLOCK
        self._tar.write({"__key__": key, **fields})
        return start

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file, suppress(*(() if kind is None else (OSError,))):
            self._tar.close()  # also of a file that nobody will keep: the library would do so later, on a closed one
