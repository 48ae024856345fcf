"""The images that a list names, on disk or missing, and the sentence that says which are."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mfn.errors import DataError
from mfn.images.finder import finder_of
from mfn.text import printable

_SHOWN = 5
_FOLDERS = 12


@dataclass(frozen=True, slots=True)
class FoundImages:
    """What became of the images of a list.

    Attributes:
        root: The folder that has them.
        paths: Where each name lies that was found, in the list's order.
        missing: The other names.
    """

    root: Path
    paths: dict[str, Path]
    missing: tuple[str, ...]


def found_images(folders: Sequence[Path], images: Sequence[str], what: str, allow_missing: bool) -> FoundImages:
    """Looks for images in the folder that has most of them.

    Args:
        folders: Which names may be relative to; the one that has them is taken.
        images: Names, see `ImageFinder`, no two alike.
        what: Says of the images whose they are, for the message: "the pairs need".
        allow_missing: Leave out those that are not there.

    Raises:
        DataError: Images are missing, and that is not allowed.
    """
    finder = finder_of(folders, images)
    paths = {image: path for image in images if (path := finder.find(image)) is not None}
    missing = tuple(image for image in images if image not in paths)
    if missing and not allow_missing:
        looked = f" (looked in {', '.join(map(str, folders[:_FOLDERS]))})" if len(folders) > 1 else ""
        raise DataError(
            f"{finder.root} lacks {len(missing)} of the {len(images)} images {what}: {listed(missing)}{looked}; put "
            "them there, or set benchmark.allow_missing=true to judge on the others"
        )
    return FoundImages(finder.root, paths, missing)


def listed(names: Sequence[str]) -> str:
    """The first of some names, for a message."""
    return ", ".join(map(printable, names[:_SHOWN])) + (", ..." if len(names) > _SHOWN else "")
