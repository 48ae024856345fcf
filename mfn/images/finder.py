"""Images that a list names, found as they lie on disk: in another case, with another suffix, under another folder."""

import os
import unicodedata
from collections.abc import Sequence
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
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._listings: dict[Path, dict[str, str]] = {}

    def find(self, name: str) -> Path | None:
        """Where image `name` lies, None where it does not."""
        spellings = dict.fromkeys((name, slashed(name)))
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
    """The finder of the folder that has most of the first images; the first such folder."""
    finders = [ImageFinder(root) for root in roots]
    return max(finders, key=lambda finder: sum(finder.find(name) is not None for name in names[:_SAMPLE]))


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
