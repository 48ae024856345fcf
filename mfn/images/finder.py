"""Images that a list names, found as they lie on disk: in another case, with another suffix, under another folder."""

import os
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from mfn.files.lines import slashed
from mfn.images.files import IMAGE_SUFFIXES

_SAMPLE = 20
"""Names by which a folder of images is chosen."""


class ImageFinder:
    r"""The images of a list under one folder.

    A name is taken as it is written where such a file is there. Otherwise it may have another known suffix (`.png` for
    `.jpg`), other upper and lower case in any part, accents written the other way (NFC, NFD), or '\' between folders.

    Args:
        root: The folder.
        leading: Folders in front of names that may not be there, as in lists with the paths of another machine.
    """

    def __init__(self, root: Path, leading: str = "") -> None:
        self.root = root
        self._leading = leading
        self._listings: dict[Path, dict[str, str]] = {}

    def find(self, name: str) -> Path | None:
        """Where image `name` lies, None where it does not."""
        spellings = dict.fromkeys((name, slashed(name)))
        if self._leading and slashed(name).startswith(self._leading):
            spellings[slashed(name).removeprefix(self._leading)] = None
        return next((path for spelling in spellings if (path := self._find(spelling)) is not None), None)

    def _find(self, name: str) -> Path | None:
        path = self.root / name
        stem = path.stem if path.suffix.lower() in IMAGE_SUFFIXES else path.name
        names = dict.fromkeys((path.name, *(stem + suffix for suffix in IMAGE_SUFFIXES)))
        if there := next((name for name in names if os.path.isfile(path.parent / name)), None):  # noqa: PTH113  raises nothing
            return path.parent / there
        folder = self._folder(PurePosixPath(name).parent)
        listing = {} if folder is None else self._listing(folder)
        found = next((listing[key] for key in map(_key, names) if key in listing), None)
        return None if folder is None or found is None else folder / found

    def _folder(self, parent: PurePosixPath) -> Path | None:
        """The folder of that name in any spelling."""
        folder = self.root
        for part in parent.parts:
            if part in ("/", ".."):
                folder = folder / part
            elif (found := self._listing(folder).get(_key(part))) is not None:
                folder = folder / found
            else:
                return None
        return folder

    def _listing(self, folder: Path) -> dict[str, str]:
        if folder not in self._listings:
            try:
                names = sorted(os.listdir(folder), reverse=True)  # noqa: PTH208  names alone
            except OSError:
                names = []
            self._listings[folder] = {_key(name): name for name in names}
        return self._listings[folder]


def finder_of(roots: Sequence[Path], names: Sequence[str]) -> ImageFinder:
    """The finder of the folder that has most of the first images; the first such folder.

    Where none has any, folders that all names begin with are left out of them, as few as will do.
    """
    for leading in ("", *_leading_folders(names)):
        finders = [ImageFinder(root, leading) for root in roots]
        counts = [sum(finder.find(name) is not None for name in names[:_SAMPLE]) for finder in finders]
        if max(counts) > 0:
            return finders[counts.index(max(counts))]
    return ImageFinder(roots[0])


def _leading_folders(names: Sequence[str]) -> Iterator[str]:
    """Yields what all names begin with up to their first, second ... folder."""
    shared = os.path.commonprefix([slashed(name) for name in names])  # noqa: RUF071  ends at folders below
    yield from (shared[: place + 1] for place, mark in enumerate(shared) if mark == "/")


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
