"""Faces named by a text file: an image and its identity on each line, as CelebA's `identity_CelebA.txt`."""

from pathlib import Path

import numpy as np

from mfn.data.image_files import ImageFiles
from mfn.data.roots import existing_root
from mfn.errors import DataError


class PhotoList(ImageFiles):
    """The images of a list, in its order; raw labels follow the sorted identities, numbers by their value.

    Attributes:
        names: path of each image relative to `root`, as the list has it.

    Args:
        path: text file; a tab divides image and identity, else the last white space of the line does. Empty lines
            are passed over.
        root: folder that the images are relative to.

    Raises:
        DataError: a file or folder is missing, a line is not as above, an image comes twice, or the first image is
            not there.
    """

    def __init__(self, path: str | Path, root: str | Path) -> None:
        path, folder = Path(path).expanduser(), existing_root(root)
        rows = _read(path)
        self.names = list(rows)
        super().__init__(path.stem, [folder / name for name in rows])
        if not Path(self.paths[0]).is_file():
            raise DataError(f"{path} names {self.names[0]}, which is not in {folder}: root must be the images' folder")
        identities = sorted(set(rows.values()), key=lambda name: (not name.isdecimal(), len(name), name))
        label_of = {name: label for label, name in enumerate(identities)}
        self.labels = np.array([label_of[name] for name in rows.values()], np.int64)
        self.label_names: dict[int, str] | None = dict(enumerate(identities))


def _read(path: Path) -> dict[str, str]:
    """Return the identity of each image."""
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="surrogateescape").split("\n")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    rows: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        fields = [field.strip() for field in (line.split("\t") if "\t" in line else line.rsplit(maxsplit=1))]
        if len(fields) != 2 or not all(fields):
            raise DataError(f"{path} line {number} is {line[:60]!r}, not 'image identity'")
        if fields[0] in rows:
            raise DataError(f"{path} line {number} names {fields[0]} a second time: each image has one identity")
        rows[fields[0]] = fields[1]
    if not rows:
        raise DataError(f"{path} is empty: expected lines of 'image identity'")
    return rows
