"""Faces named by a text file: an image and its identity on each line, as CelebA's `identity_CelebA.txt`."""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mfn.errors import DataError
from mfn.files.lines import divider_of, fields, numbered_lines, slashed, whole_number
from mfn.images.files import ImageFiles
from mfn.images.finder import ImageFinder
from mfn.images.passed_over import PassedOver
from mfn.sources.roots import existing_root, given_path
from mfn.text import printable

logger = logging.getLogger(__name__)


class PhotoList(ImageFiles):
    """The images of a list, in its order; raw labels follow the sorted identities, numbers by their value.

    Attributes:
        names: Path of each image relative to `root`, as the list has it.
        passed_over: Lines whose image is not there, or comes a second time.

    Args:
        path: Text file; tabs, semicolons or commas divide image and identity where all its lines have them, else the
            last blank of the line does. Empty lines are passed over.
        root: Folder that the images are relative to; they are found as `ImageFinder` finds them.

    Raises:
        DataError: A file or folder is missing, a line is not as above, an image shows two people, or none is there.
    """

    def __init__(self, path: str | Path, root: str | Path) -> None:
        path, folder = given_path(path, "path"), existing_root(root)
        self.passed_over = PassedOver()
        self.names: list[str] = []
        finder, identity_of = ImageFinder(folder), dict[Path, str]()
        for number, name, identity in _rows(path):
            place = finder.find(name)
            if place is None:
                self.passed_over.add(name, "lines whose image is not there")
            elif place not in identity_of:
                identity_of[place] = identity
                self.names.append(slashed(name))
            elif identity_of[place] == identity:
                self.passed_over.add(name, "lines that say again what another one says")
            else:
                shown = printable(f"{name} as {identity}, and as {identity_of[place]}")
                raise DataError(f"{path} line {number} names {shown} before: each image has one identity")
        if not identity_of:
            missing = next(name for name, _ in self.passed_over)
            raise DataError(
                f"{path} names {printable(missing)}, which is not in {folder}: root must be the images' folder"
            )
        if sentence := self.passed_over.sentence():
            logger.warning("%s: passed over %s", printable(str(path)), sentence)
        super().__init__(path.stem, list(identity_of))
        identities = sorted(set(identity_of.values()), key=lambda name: (not name.isdecimal(), len(name), name))
        label_of = {name: label for label, name in enumerate(identities)}
        self.labels = np.array([label_of[name] for name in identity_of.values()], np.int64)
        self.label_names: dict[int, str] | None = dict(enumerate(identities))


def _rows(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yields line number, image and identity of each line.

    Raises:
        DataError: A line is not as above, or there is none.
    """
    lines = numbered_lines(path)
    if not lines:
        raise DataError(f"{path} is empty: expected lines of 'image identity'")
    divider = divider_of(line for _, line in lines)
    for number, line in lines:
        columns = fields(line, divider)
        if len(columns) > 2 and divider is None and "\t" not in line:
            columns = line.rsplit(maxsplit=1)  # a name with blanks
        if len(columns) != 2 or not all(columns):
            raise DataError(f"{path} line {number} is {printable(line[:60])!r}, not 'image identity'")
        image, identity = columns
        is_number = whole_number(identity) is not None
        yield number, image, identity.partition(".")[0] if is_number else identity  # 7.0, as other programs write 7
