"""LFW's protocol: `pairs.txt` and images named `Name/Name_0001.jpg`."""

from pathlib import Path

from mfn.data.benchmarks.paired_files import FOLDS, folds_by_kind, paired_files, read_lines
from mfn.data.verification import VerificationSet
from mfn.errors import DataError

_Image = tuple[str, int]


def read_lfw(
    root: str | Path,
    pairs: str = "pairs.txt",
    images: str = "images",
    name: str = "lfw",
    allow_missing: bool = False,
) -> VerificationSet:
    """Read a folder that holds a pairs file and the images, see `read_lfw_pairs`.

    Raises:
        DataError: the file is missing, a line is no pair, pairs or images are missing.
    """
    return read_lfw_pairs(Path(root) / pairs, Path(root) / images, name, allow_missing)


def read_lfw_pairs(
    pairs_file: str | Path, images_root: str | Path, name: str = "lfw", allow_missing: bool = False
) -> VerificationSet:
    """Read a pairs file in LFW's form, in the order of the file.

    A line of three columns (name, i, j) is a genuine pair, one of four (name, i, other name, j) an impostor
    pair; columns are separated by tabs or spaces. The header, where there is one, holds the number of folds
    and of pairs of each kind per fold (0: not told), or only the number of pairs of each kind.

    Args:
        pairs_file: the file.
        images_root: folder of the images.
        name: of the set.
        allow_missing: leave out the pairs of images that are not there, instead of raising.

    Raises:
        DataError: the file is missing, a line is no pair, pairs or images are missing.
    """
    path = Path(pairs_file)
    rows = [(number, _columns(line)) for number, line in read_lines(path)]
    has_header = bool(rows) and len(rows[0][1]) < 3
    folds, expected = _header(path, *rows[0]) if has_header else (FOLDS, 0)
    pairs = [_pair(path, number, row) for number, row in rows[has_header:]]
    if not pairs or len(pairs) != (expected or len(pairs)):
        announced = f", not {expected} as its header says" if expected else ""
        raise DataError(f"{path} holds {len(pairs)} pairs{announced}")
    is_same = [a[0] == b[0] for a, b in pairs]
    return paired_files(
        name,
        Path(images_root),
        [(_file(a), _file(b)) for a, b in pairs],
        is_same,
        folds_by_kind(is_same, folds),
        identity_of={_file(image): image[0] for pair in pairs for image in pair},
        allow_missing=allow_missing,
    )


def _columns(line: str) -> list[str]:
    # Names may hold spaces where tabs separate the columns.
    return line.split("\t") if "\t" in line else line.split()


def _header(path: Path, number: int, row: list[str]) -> tuple[int, int]:
    """Return folds and pairs; the header counts pairs of each kind, per fold where it has folds."""
    if not all(field.isdigit() for field in row) or int(row[0]) == 0:
        raise DataError(f"{path} line {number} is {' '.join(row)!r}, neither a header (folds, pairs) nor a pair")
    numbers = [int(field) for field in row]
    return (numbers[0], 2 * numbers[0] * numbers[1]) if len(numbers) == 2 else (FOLDS, 2 * numbers[0])


def _pair(path: Path, number: int, row: list[str]) -> tuple[_Image, _Image]:
    match row:
        case [name, i, j] if i.isdigit() and j.isdigit():
            return (name, int(i)), (name, int(j))
        case [name, i, other, j] if i.isdigit() and j.isdigit():
            return (name, int(i)), (other, int(j))
    raise DataError(f"{path} line {number} is {' '.join(row)[:60]!r}; a pair is 'name i j' or 'name i other_name j'")


def _file(image: _Image) -> str:
    return f"{image[0]}/{image[0]}_{image[1]:04d}.jpg"
