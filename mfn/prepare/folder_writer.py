"""Writing one folder of images per person."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from mfn.errors import DataError
from mfn.images.copies import write_copies
from mfn.sources.encode import suffix_of


class FolderWriter:
    """Writes ``PERSON/name.jpg``, with the calls of `mfn.packs.pack_writer.PackWriter`.

    Letters that file names cannot hold become '_'; a name that is taken gets a number. Virtual copies are listed in
    ``variants.tsv``.

    Args:
        folder: Where to; made, and must not be there.
        identities: The name of each label.

    Raises:
        DataError: Something is there.
    """

    def __init__(self, folder: Path, identities: Sequence[str]) -> None:
        self.folder = folder
        self._identities = identities
        self._people: dict[int, str] = {}
        self._taken: set[str] = set()
        self._copies: list[tuple[str, str]] = []

    def __enter__(self) -> Self:
        try:
            self.folder.mkdir(parents=True)
        except FileExistsError:
            raise DataError(f"{self.folder} is there already: give another folder, or move it away") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._copies:
            write_copies(self.folder, self._copies)

    def add(self, label: int, encoded: bytes, name: str, variants: Sequence[str] = ()) -> None:
        """Writes one image.

        Args:
            label: Its identity.
            encoded: Its bytes; they say the suffix.
            name: A path whose last part names the file.
            variants: Its virtual copies.
        """
        if label not in self._people:
            self._people[label] = self._free(_safe(self._identities[label]), "")
            (self.folder / self._people[label]).mkdir()
        stem = f"{self._people[label]}/{_safe(PurePosixPath(name).stem)}"
        path = self._free(stem, suffix_of(encoded))
        (self.folder / path).write_bytes(encoded)
        self._copies += [(path, variant) for variant in variants]

    def _free(self, stem: str, suffix: str) -> str:
        path, number = stem + suffix, 1
        while path.casefold() in self._taken:
            number += 1
            path = f"{stem}_{number}{suffix}"
        self._taken.add(path.casefold())
        return path


def _safe(name: str) -> str:
    return re.sub(r"[^\w.\- ]+", "_", name).strip(". ") or "unnamed"
