"""LFW's protocol: `pairs.txt` and images named `Name/Name_0001.jpg`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mfn.benchmarks.paired_files import FOLDS, ListedPairs, folds_by_kind
from mfn.benchmarks.verification import VerificationSet
from mfn.errors import DataError
from mfn.files.lines import table, whole_number

Row = tuple[int, list[str]]
"""A line's number and its columns."""

_Image = tuple[str, int]


def read_lfw(
    root: str | Path,
    pairs: str = "pairs.txt",
    images: str = "images",
    name: str = "lfw",
    allow_missing: bool = False,
) -> VerificationSet:
    """Reads a folder that holds a pairs file and the images, see `read_lfw_pairs`.

    Raises:
        DataError: The file is missing, a line is no pair, pairs or images are missing.
    """
    return read_lfw_pairs(Path(root) / pairs, Path(root) / images, name, allow_missing)


def read_lfw_pairs(
    pairs_file: str | Path,
    images_root: str | Path | Sequence[Path],
    name: str = "lfw",
    allow_missing: bool = False,
    folds: int | None = None,
) -> VerificationSet:
    """Reads a pairs file in LFW's form, in the order of the file.

    A line of three columns (name, i, j) is a genuine pair, one of four (name, i, other name, j) an impostor pair;
    columns are separated by tabs, commas, semicolons or spaces. The header, where there is one, holds the number of
    folds and of pairs of each kind per fold (0: not told), or only the number of pairs of each kind, or the columns'
    names (Kaggle's copy, `name,imagenum1,imagenum2,`).

    Four columns with one name twice contradict themselves. In a file with lines of three columns such pairs are left
    out; in one that gives four columns to every pair they are genuine. Either way a note of the set counts them.

    Args:
        pairs_file: The file.
        images_root: Folder of the images, or several of which the one that has them is taken.
        name: Of the set.
        allow_missing: Leave out the pairs of images that are not there, instead of raising.
        folds: Other folds than the header's: equal stretches of the genuine and of the impostor pairs.

    Raises:
        DataError: The file is missing, a line is no pair, pairs or images are missing.
    """
    path = Path(pairs_file)
    return listed_lfw(path, table(path), folds).found(name, images_root, allow_missing)


def listed_lfw(path: Path, rows: Sequence[Row], folds: int | None = None) -> ListedPairs:
    """The pairs of the lines of `path`, see `read_lfw_pairs`."""
    has_header = bool(rows) and (len(rows[0][1]) < 3 or is_header(rows[0][1]))
    told, expected = _header(path, *rows[0]) if has_header else (FOLDS, 0)
    rows = rows[has_header:]
    pairs = [_pair(path, number, row) for number, row in rows]
    if not pairs or len(pairs) != (expected or len(pairs)):
        announced = f", not {expected} as its header says" if expected else ""
        raise DataError(f"{path} holds {len(pairs)} pairs{announced}")
    columns = np.array([len(row) for _, row in rows])
    one_name = np.array([a[0] == b[0] for a, b in pairs])
    unclear, all_have_four = one_name & (columns == 4), bool((columns == 4).all())
    is_same = one_name if all_have_four else columns == 3
    kept = np.ones(len(pairs), bool) if all_have_four else ~unclear
    notes = ()
    if count := int(unclear.sum()):
        what = "they are taken for genuine pairs, as all its lines have four" if all_have_four else "they are left out"
        first = rows[int(unclear.argmax())][0]
        notes = (f"{count} lines of {path.name} have four columns but one name twice (first line {first}): {what}",)
    pairs = [pair for pair, keep in zip(pairs, kept, strict=True) if keep]
    return ListedPairs(
        "LFW's form",
        [(_file(a), _file(b)) for a, b in pairs],
        is_same[kept].tolist(),
        folds_by_kind(is_same, folds or told)[kept],
        identity_of={_file(image): image[0] for pair in pairs for image in pair},
        notes=notes,
        left_out=int((~kept).sum()),
    )


def is_header(row: Sequence[str]) -> bool:
    """Whether columns are the names of columns, as in Kaggle's copy of LFW."""
    return len(row) > 1 and row[0].lower() == "name" and row[1].lower() == "imagenum1"


def _header(path: Path, number: int, row: list[str]) -> tuple[int, int]:
    """Folds and pairs; the header counts pairs of each kind, per fold where it has folds."""
    if is_header(row):
        return FOLDS, 0
    numbers = [whole_number(field) for field in row]
    match numbers:
        case [int(pairs)] if pairs > 0:
            return FOLDS, 2 * pairs
        case [int(folds), int(pairs)] if folds > 0:
            return folds, 2 * folds * pairs
    raise DataError(f"{path} line {number} is {' '.join(row)[:60]!r}, neither a header (folds, pairs) nor a pair")


def _pair(path: Path, number: int, row: list[str]) -> tuple[_Image, _Image]:
    numbers = [whole_number(field) for field in row]
    match row, numbers:
        case [name, _, _], [_, int(i), int(j)]:
            return (name, i), (name, j)
        case [name, _, other, _], [_, int(i), _, int(j)]:
            return (name, i), (other, j)
    raise DataError(f"{path} line {number} is {' '.join(row)[:60]!r}; a pair is 'name i j' or 'name i other_name j'")


def _file(image: _Image) -> str:
    return f"{image[0]}/{image[0]}_{image[1]:04d}.jpg"
