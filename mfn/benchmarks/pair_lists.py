"""Lists of image names with a label, as CALFW, CPLFW and the field's copies of AgeDB-30 and CFP come with."""

import re
from collections.abc import Sequence
from pathlib import Path

from mfn.benchmarks.lfw import listed_lfw
from mfn.benchmarks.paired_files import FOLDS, ListedPairs, folds_by_kind
from mfn.benchmarks.path_lists import is_path_row, listed_paths
from mfn.benchmarks.verification import VerificationSet
from mfn.errors import DataError
from mfn.files.lines import label, slashed, table, whole_number

_AGEDB = re.compile(r"\d+_(?P<name>.+)_(?P<age>\d+)_(?P<gender>[mf])")
_PERSON = (re.compile(r"(?P<name>.+)_\d+"), _AGEDB)  # LFW and kin; AgeDB

_Pair = tuple[str, str, bool]


def read_pair_list(
    path: str | Path,
    images: str | Path | Sequence[Path],
    name: str | None = None,
    folds: int | None = None,
    allow_missing: bool = False,
) -> VerificationSet:
    """Reads a pairs file of any of the field's forms, told apart by its first line.

    - `Name_0001.jpg flag` on two lines in a row make a pair (CALFW, CPLFW);
    - `image image flag` or `flag image image` on one line (copies of AgeDB-30, CFP-FP and others);
    - lines of one or two image names without a flag (SLLFW), see `mfn.benchmarks.path_lists`;
    - everything else is read as LFW's form, which brings its own folds.

    A flag above 0 (also 1.0) is a genuine pair, 0 or -1 an impostor pair. Columns are divided by tabs, semicolons,
    commas or spaces; names with spaces need one of the others, or quotes. Where the file names tell persons
    (`Name_0001.jpg`, AgeDB's `12_Name_35_f.jpg`) and agree with the flags, the set knows its identities. AgeDB's names
    also give the attributes ``age`` and ``gender``.

    Args:
        path: The list.
        images: Folder the image names are relative to, or several of which the one that has them is taken.
        name: Of the set; by default the list's own.
        folds: Equal stretches of the genuine and of the impostor pairs; by default the file's own, or ten.
        allow_missing: Leave out the pairs of images that are not there, instead of raising.

    Raises:
        DataError: The file is missing, a line is no pair, images are missing.
    """
    path = Path(path)
    return listed_pairs(path, folds).found(name or path.stem, images, allow_missing)


def listed_pairs(path: Path, folds: int | None = None) -> ListedPairs:
    """The pairs of a list, see `read_pair_list`."""
    rows = table(path)
    if rows and is_path_row(rows[0][1]):
        return listed_paths(path, rows, folds)
    if not rows or not is_list_row(rows[0][1]):
        return listed_lfw(path, rows, folds)
    two_lines = len(rows[0][1]) == 2
    pairs = _two_lines_each(path, rows) if two_lines else [_pair(path, *row) for row in rows]
    is_same = [same for _, _, same in pairs]
    return ListedPairs(
        "two lines a pair, 'image flag'" if two_lines else "one line a pair, 'image image flag'",
        [(a, b) for a, b, _ in pairs],
        is_same,
        folds_by_kind(is_same, folds or FOLDS),
        identity_of=_persons(pairs),
        attributes_of=_ages(pairs),
    )


def is_list_row(row: Sequence[str]) -> bool:
    """Whether columns are of a list of image names, not of LFW's form with its names and numbers."""
    match row:
        case [image, flag]:
            return label(flag) is not None and whole_number(image) is None
        case [a, b, c]:
            is_lfw = whole_number(b) is not None and whole_number(c) is not None
            return not is_lfw and (label(a) is not None or label(c) is not None)
    return False


def _pair(path: Path, number: int, row: list[str]) -> _Pair:
    match row:
        case [a, b, flag] if (same := label(flag)) is not None:
            return a, b, same > 0
        case [flag, a, b] if (same := label(flag)) is not None:
            return a, b, same > 0
    raise _no_pair(path, number, row, "'image image flag' or 'flag image image'")


def _two_lines_each(path: Path, rows: list[tuple[int, list[str]]]) -> list[_Pair]:
    for number, row in rows:
        if len(row) != 2 or not is_list_row(row):
            raise _no_pair(path, number, row, "'image flag' on two lines")
    if len(rows) % 2:
        raise DataError(f"{path} has {len(rows)} lines, of which two make a pair: the last pair is cut short")
    pairs = []
    for (number, (a, flag)), (_, (b, other)) in zip(rows[::2], rows[1::2], strict=True):
        if label(flag) != label(other):
            raise DataError(f"{path} lines {number} and {number + 1} make a pair but have the flags {flag} and {other}")
        pairs.append((a, b, (label(flag) or 0) > 0))
    return pairs


def _no_pair(path: Path, number: int, row: list[str], wanted: str) -> DataError:
    return DataError(f"{path} line {number} is {' '.join(row)[:60]!r}; a pair in this file is {wanted}")


def _persons(pairs: Sequence[_Pair]) -> dict[str, str] | None:
    """The person each image name tells, unless a name tells none or the flags say otherwise."""
    found = {}
    for image in {image for a, b, _ in pairs for image in (a, b)}:
        match = next((match for form in _PERSON if (match := form.fullmatch(Path(slashed(image)).stem))), None)
        if match is None:
            return None
        found[image] = match["name"]
    return found if all((found[a] == found[b]) == same for a, b, same in pairs) else None


def _ages(pairs: Sequence[_Pair]) -> dict[str, dict[str, str]]:
    """Age and gender of each image, where every name tells them as AgeDB's do."""
    images = {image for a, b, _ in pairs for image in (a, b)}
    found = {image: _AGEDB.fullmatch(Path(slashed(image)).stem) for image in images}
    if not all(found.values()):
        return {}
    return {what: {image: match[what] for image, match in found.items() if match} for what in ("age", "gender")}
