"""Verification pairs in a CSV file with a header, the form to bring pairs of one's own in."""

import csv
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from mfn.benchmarks.lfw import is_header, listed_lfw
from mfn.benchmarks.paired_files import FOLDS, ListedPairs, folds_by_kind, numbered
from mfn.benchmarks.verification import VerificationSet
from mfn.errors import DataError
from mfn.files.lines import divider_of, fields, label, numbered_lines, read_text, table

_WORDS = {
    **dict.fromkeys(("true", "same", "genuine", "yes"), 1),
    **dict.fromkeys(("false", "different", "diff", "impostor", "no"), 0),
}
_NAMES = {
    "image_a": ("image_a", "image1", "img1", "path1", "file1", "p1", "a"),
    "image_b": ("image_b", "image2", "img2", "path2", "file2", "p2", "b"),
    "label": ("label", "is_same", "issame", "same", "match"),
    "group": ("group",),
    "fold": ("fold", "fold_id"),
    "identity_a": ("identity_a", "identity1", "person_a", "person1", "id1"),
    "identity_b": ("identity_b", "identity2", "person_b", "person2", "id2"),
}
_NEEDED = ("image_a", "image_b", "label")


def read_pair_csv(
    path: str | Path,
    images: str | Path | Sequence[Path] | None = None,
    name: str | None = None,
    folds: int | None = None,
    allow_missing: bool = False,
) -> VerificationSet:
    """Reads pairs from a CSV whose header names the columns, in any order; others are passed over.

    Kaggle's copy of LFW (`name,imagenum1,imagenum2,`) is read as LFW's form, see `read_lfw_pairs`.

    Columns (upper and lower case are one): `image_a`, `image_b` (or image1, img1, path1, file1, a ...), `label` (or
    is_same, same, match: 1/0, true/false, same/different, genuine/impostor, yes/no), and where wanted `group` (the pair
    counts for it), `fold` (any value; pairs of one value are judged together), `identity_a` and `identity_b` (who the
    images show; tells who is who in the bootstrap). Two more columns that differ in their ends alone, `gender_a` and
    `gender_b` or `att1` and `att2`, say what is known of the images. BFW's table (`fold,p1,p2,label,id1,id2,att1,att2,
    ...,g1,g2,e1,e2`) has this form.

    Args:
        path: The file, columns divided by commas, semicolons or tabs.
        images: Folder the image names are relative to, or several of which the one that has them is taken; by default
            the file's own.
        name: Of the set; by default the file's own.
        folds: Equal stretches of the genuine and of the impostor pairs; by default those of the column of folds,
            or ten.
        allow_missing: Leave out the pairs of images that are not there, instead of raising.

    Raises:
        DataError: The file is missing, lacks a column, a line is no pair, images are missing.
    """
    path = Path(path)
    return listed_csv(path, folds).found(name or path.stem, path.parent if images is None else images, allow_missing)


def listed_csv(path: Path, folds: int | None = None) -> ListedPairs:
    """The pairs of a CSV file, see `read_pair_csv`."""
    if any(is_header(fields(line, divider_of([line]))) for _, line in numbered_lines(path)[:1]):
        return listed_lfw(path, table(path), folds)
    lines, columns = _read(path)
    is_same = [_label(path, number, text) for number, text in zip(lines, columns["label"], strict=True)]
    pairs = list(zip(columns["image_a"], columns["image_b"], strict=True))
    own_folds = "fold" in columns and folds is None
    return ListedPairs(
        "CSV",
        pairs,
        is_same,
        numbered(columns["fold"]) if own_folds else folds_by_kind(is_same, folds or FOLDS),
        identity_of=_identities(path, lines, pairs, is_same, columns),
        groups=columns.get("group"),
        attributes_of=_attributes(pairs, columns),
    )


def _read(path: Path) -> tuple[list[int], dict[str, list[str]]]:
    """The line number of each pair and the columns by their names here."""
    rows = _records(path)
    header = list(rows[0][1]) if rows else []
    while header and not header[-1]:
        header.pop()  # a divider at the end of the line
    place = _places(header)
    if lacking := [key for key in _NEEDED if key not in place]:
        raise DataError(
            f"{path} line 1 is {','.join(header)[:80]!r} and lacks the column {' and '.join(lacking)}: the first line "
            "must name the columns, image_a,image_b,label and where wanted group, fold, identity_a, identity_b"
        )
    width = len(header)
    for number, row in rows[1:]:
        if len(row) < width or any(row[width:]) or not row[place["image_a"]] or not row[place["image_b"]]:
            raise DataError(f"{path} line {number} is {','.join(row)[:60]!r}, not the {width} columns of line 1")
    if not rows[1:]:
        raise DataError(f"{path} holds no pairs, only a header")
    place |= _attribute_places(header, set(place.values()))
    columns = {key: [row[index] for _, row in rows[1:]] for key, index in place.items()}
    return [number for number, _ in rows[1:]], columns


def _records(path: Path) -> list[tuple[int, list[str]]]:
    """The rows that are not blank with the number of their last line, divided as the header is."""
    text = read_text(path)
    lines = (line for line in text.splitlines() if line.strip() and not _is_hint(line))
    header = next(lines, "")
    divider = max(",;\t", key=lambda mark: len(_places([name.strip(' "') for name in header.split(mark)])))
    rows = csv.reader(StringIO(text, newline=""), delimiter=divider, skipinitialspace=True)
    try:
        records = [(rows.line_num, [field.strip() for field in row]) for row in rows]
    except csv.Error as error:
        raise DataError(f"{path} line {rows.line_num} cannot be read as CSV ({error})") from None
    return [(number, row) for number, row in records if any(row) and not _is_hint(row[0])]


def _is_hint(text: str) -> bool:
    """Whether a line only names the divider, as spreadsheets write it."""
    return text.lower().startswith("sep=")


def _places(header: Sequence[str]) -> dict[str, int]:
    """Where each column is, by its name here."""
    names = [name.lower() for name in header]
    return {key: names.index(name) for key, known in _NAMES.items() for name in known[::-1] if name in names}


def _attribute_places(header: Sequence[str], taken: set[int]) -> dict[str, int]:
    """Where the columns lie that say something of both images, as ``attribute_a:gender`` and ``attribute_b:gender``."""
    free = {name.lower(): index for index, name in enumerate(header) if index not in taken}
    found = {}
    for name in free:
        for ends in (("_a", "_b"), ("_1", "_2"), ("1", "2")):
            what = name.removesuffix(ends[0])
            if what and what != name and what + ends[1] in free:
                found |= {f"attribute_a:{what}": free[name], f"attribute_b:{what}": free[what + ends[1]]}
                break
    return found


def _attributes(pairs: Sequence[tuple[str, str]], columns: dict[str, list[str]]) -> dict[str, dict[str, str]]:
    """What the file says of each image; two columns that do not agree with themselves are of pairs, not of images."""
    found: dict[str, dict[str, str]] = {}
    for what in [key.removeprefix("attribute_a:") for key in columns if key.startswith("attribute_a:")]:
        of: dict[str, str] = {}
        said = zip(columns[f"attribute_a:{what}"], columns[f"attribute_b:{what}"], strict=True)
        if all(of.setdefault(image, value) == value for both in zip(pairs, said, strict=True)
               for image, value in zip(*both, strict=True)):  # fmt: skip
            found[what] = of
    return found


def _label(path: Path, number: int, text: str) -> bool:
    value = _WORDS.get(text.lower(), label(text))
    if value not in (1, 0, -1):
        raise DataError(f"{path} line {number} has the label {text!r}: give 1 or same, 0 or different")
    return value == 1


def _identities(
    path: Path,
    lines: Sequence[int],
    pairs: Sequence[tuple[str, str]],
    is_same: Sequence[bool],
    columns: dict[str, list[str]],
) -> dict[str, str] | None:
    """The person each image shows, where the file says it, once it agrees with itself."""
    if "identity_a" not in columns or "identity_b" not in columns:
        return None
    shown: dict[str, str] = {}
    people = zip(columns["identity_a"], columns["identity_b"], strict=True)
    for number, pair, persons, same in zip(lines, pairs, people, is_same, strict=True):
        if (persons[0] == persons[1]) != same:
            raise DataError(f"{path} line {number}: the identities {' and '.join(persons)} do not fit the label")
        for image, person in zip(pair, persons, strict=True):
            if shown.setdefault(image, person) != person:
                raise DataError(f"{path} line {number}: {image} shows {person}, and {shown[image]} in a line above")
    return shown
