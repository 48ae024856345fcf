"""LFW's protocol: `pairs.txt` and images named `Name/Name_0001.jpg`."""

from pathlib import Path

import numpy as np

from mfn.data.image_files import IMAGE_SUFFIXES, ImageFiles
from mfn.data.verification import VerificationSet
from mfn.errors import DataError

_Image = tuple[str, int]


def read_lfw(root: str | Path, pairs: str = "pairs.txt", images: str = "images", name: str = "lfw") -> VerificationSet:
    """Read a folder that holds a pairs file and the images, see `read_lfw_pairs`.

    Raises:
        DataError: the file is missing, a line is no pair, pairs or images are missing.
    """
    return read_lfw_pairs(Path(root) / pairs, Path(root) / images, name)


def read_lfw_pairs(pairs_file: str | Path, images_root: str | Path, name: str = "lfw") -> VerificationSet:
    """Read a pairs file in LFW's form, in the order of the file.

    A line of three columns (name, i, j) is a genuine pair, one of four (name, i, other name, j) an impostor
    pair; columns are separated by tabs or spaces. The header, where there is one, holds the number of folds
    and of pairs of each kind per fold, or only the number of pairs of each kind.

    Raises:
        DataError: the file is missing, a line is no pair, pairs or images are missing.
    """
    path = Path(pairs_file)
    if not path.is_file():
        raise DataError(f"{path} does not exist: give the pairs file of the benchmark")
    rows = [_columns(line) for line in path.read_text().splitlines() if line.strip()]
    has_header = bool(rows) and len(rows[0]) < 3
    folds, expected = _header(path, rows[0]) if has_header else (10, None)
    first = int(has_header)
    pairs = [_pair(path, number, row) for number, row in enumerate(rows[first:], start=first + 1)]
    if not pairs or len(pairs) != (expected or len(pairs)):
        announced = f", not {expected} as its header says" if expected else ""
        raise DataError(f"{path} holds {len(pairs)} pairs{announced}")
    images = sorted({image for pair in pairs for image in pair})
    position = {image: index for index, image in enumerate(images)}
    return VerificationSet(
        name,
        ImageFiles(name, _paths(Path(images_root), images)),
        np.array([[position[a], position[b]] for a, b in pairs], np.int64),
        np.array([a[0] == b[0] for a, b in pairs]),
        folds,
    )


def _columns(line: str) -> list[str]:
    # Names may hold spaces where tabs separate the columns.
    return line.strip().split("\t") if "\t" in line else line.split()


def _header(path: Path, row: list[str]) -> tuple[int, int]:
    """Return folds and pairs; the header counts pairs of each kind, per fold where it has folds."""
    if not all(field.isdigit() for field in row):
        raise DataError(f"{path} line 1 is {' '.join(row)!r}, neither a header (folds, pairs) nor a pair")
    numbers = [int(field) for field in row]
    return (numbers[0], 2 * numbers[0] * numbers[1]) if len(numbers) == 2 else (10, 2 * numbers[0])


def _pair(path: Path, number: int, row: list[str]) -> tuple[_Image, _Image]:
    match row:
        case [name, i, j] if i.isdigit() and j.isdigit():
            return (name, int(i)), (name, int(j))
        case [name, i, other, j] if i.isdigit() and j.isdigit():
            return (name, int(i)), (other, int(j))
    raise DataError(f"{path} line {number} is {' '.join(row)[:60]!r}; a pair is 'name i j' or 'name i other_name j'")


def _paths(root: Path, images: list[_Image]) -> list[Path]:
    """Find every image; the suffix is the first of the known ones that exists."""
    paths, missing = [], []
    for name, number in images:
        stem = root / name / f"{name}_{number:04d}"
        candidates = (stem.with_name(stem.name + suffix) for suffix in IMAGE_SUFFIXES)
        found = next((candidate for candidate in candidates if candidate.is_file()), None)
        paths.append(found) if found else missing.append(f"{name}/{stem.name}.jpg")
    if missing:
        more = ", ..." if len(missing) > 5 else ""
        raise DataError(
            f"{root} lacks {len(missing)} of the {len(images)} images the pairs need: {', '.join(missing[:5])}{more}"
        )
    return paths
