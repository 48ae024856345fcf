"""Lists that name images and give no flags, as SLLFW's: two images in a row make a pair, and names tell who is who."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from mfn.benchmarks.paired_files import FOLDS, ListedPairs, folds_by_kind
from mfn.errors import DataError
from mfn.files.lines import slashed
from mfn.images.files import IMAGE_SUFFIXES

_NAME = re.compile(r"(?P<name>.+)_\d+")


def is_path_row(row: Sequence[str]) -> bool:
    """Whether a line names one or two images and nothing else."""
    return len(row) in (1, 2) and all(PurePosixPath(slashed(name)).suffix.lower() in IMAGE_SUFFIXES for name in row)


def listed_paths(path: Path, rows: Sequence[tuple[int, list[str]]], folds: int | None = None) -> ListedPairs:
    """The pairs of a list without flags: `pair_SLLFW.txt` has 12,000 lines `Name/Name_0001.jpg`, two for each pair.

    A pair is genuine where both images are of one person: of one folder, or, where all lie in one folder, of one name
    before the number.

    Args:
        path: The list.
        rows: The columns of its lines with their numbers, one image or two in each.
        folds: Equal stretches of the genuine and of the impostor pairs, ten by default.

    Raises:
        DataError: A line is another, the last pair is cut short, or a name tells no person.
    """
    width = len(rows[0][1])
    for number, row in rows:
        if len(row) != width or not is_path_row(row):
            raise DataError(f"{path} line {number} is {' '.join(row)[:60]!r}, not {width} image names as line 1 has")
    images = [slashed(name) for _, row in rows for name in row]
    if len(images) % 2:
        raise DataError(f"{path} has {len(images)} lines, of which two make a pair: the last pair is cut short")
    shown = _persons(f"{path} line {rows[0][0]}", images)
    pairs = list(zip(images[::2], images[1::2], strict=True))
    is_same = [shown[a] == shown[b] for a, b in pairs]
    form = "two image names a pair, without flags"
    return ListedPairs(form, pairs, is_same, folds_by_kind(is_same, folds or FOLDS), identity_of=shown)


def _persons(place: str, images: Sequence[str]) -> dict[str, str]:
    folders = {image: PurePosixPath(image).parent.name for image in images}
    if len(set(folders.values())) > 1:
        return folders
    found = {image: _NAME.fullmatch(PurePosixPath(image).stem) for image in images}
    if untold := next((image for image, match in found.items() if match is None), None):
        raise DataError(
            f"{place} names images without a flag, and {untold} tells no person: write Name/Name_0001.jpg, or add a "
            "flag 1 (one person) or 0 behind each pair"
        )
    return {image: match["name"] for image, match in found.items() if match is not None}
