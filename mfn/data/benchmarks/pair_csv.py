"""Verification pairs in a CSV file with a header, the form to bring pairs of one's own in."""

import csv
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import numpy as np

from mfn.data.benchmarks.paired_files import FOLDS, folds_by_kind, paired_files, read_text
from mfn.data.verification import VerificationSet
from mfn.errors import DataError

_LABELS = {
    **dict.fromkeys(("1", "true", "same", "genuine", "yes"), True),
    **dict.fromkeys(("0", "-1", "false", "different", "diff", "impostor", "no"), False),
}
_NAMES = {
    "image_a": ("image_a", "image1", "img1", "path1", "file1", "a"),
    "image_b": ("image_b", "image2", "img2", "path2", "file2", "b"),
    "label": ("label", "is_same", "issame", "same", "match"),
    "group": ("group",),
    "fold": ("fold", "fold_id"),
    "identity_a": ("identity_a", "identity1", "person_a", "person1"),
    "identity_b": ("identity_b", "identity2", "person_b", "person2"),
}
_NEEDED = ("image_a", "image_b", "label")


def read_pair_csv(
    path: str | Path,
    images: str | Path | None = None,
    name: str | None = None,
    folds: int = FOLDS,
    allow_missing: bool = False,
) -> VerificationSet:
    """Read pairs from a CSV whose header names the columns, in any order; others are passed over.

    Columns (upper and lower case are one): `image_a`, `image_b` (or image1, img1, path1, file1, a ...), `label` (or
    is_same, same, match: 1/0, true/false, same/different, genuine/impostor, yes/no), and where wanted `group` (the pair
    counts for it), `fold` (any value; pairs of one value are judged together), `identity_a` and `identity_b` (who the
    images show; tells who is who in the bootstrap).

    Args:
        path: the file, UTF-8, columns divided by commas.
        images: folder the image names are relative to; by default the file's own.
        name: of the set; by default the file's own.
        folds: where there is no column of folds, equal stretches of the genuine and of the impostor pairs.
        allow_missing: leave out the pairs of images that are not there, instead of raising.

    Raises:
        DataError: the file is missing, lacks a column, a line is no pair, images are missing.
    """
    path = Path(path)
    lines, columns = _read(path)
    is_same = [_label(path, number, text) for number, text in zip(lines, columns["label"], strict=True)]
    pairs = list(zip(columns["image_a"], columns["image_b"], strict=True))
    if "fold" in columns:
        fold_of = np.unique(columns["fold"], return_inverse=True)[1].astype(np.int64)
    else:
        fold_of = folds_by_kind(is_same, folds)
    return paired_files(
        name or path.stem,
        path.parent if images is None else Path(images),
        pairs,
        is_same,
        fold_of,
        identity_of=_identities(path, lines, pairs, is_same, columns),
        groups=columns.get("group"),
        allow_missing=allow_missing,
    )


def _read(path: Path) -> tuple[list[int], dict[str, list[str]]]:
    """Return the line number of each pair and the columns by their names here."""
    rows = csv.reader(StringIO(read_text(path)))
    numbered = [(rows.line_num, [field.strip() for field in row]) for row in rows if any(row)]
    header = [name.lower() for name in numbered[0][1]] if numbered else []
    place = {key: header.index(name) for key, names in _NAMES.items() for name in names if name in header}
    if lacking := [key for key in _NEEDED if key not in place]:
        raise DataError(
            f"{path} line 1 is {','.join(header)[:80]!r} and lacks the column {' and '.join(lacking)}: the first line "
            "must name the columns, image_a,image_b,label and where wanted group, fold, identity_a, identity_b"
        )
    for number, row in numbered[1:]:
        if len(row) != len(header) or not row[place["image_a"]] or not row[place["image_b"]]:
            raise DataError(f"{path} line {number} is {','.join(row)[:60]!r}, not the {len(header)} columns of line 1")
    if not numbered[1:]:
        raise DataError(f"{path} holds no pairs, only a header")
    columns = {key: [row[index] for _, row in numbered[1:]] for key, index in place.items()}
    return [number for number, _ in numbered[1:]], columns


def _label(path: Path, number: int, text: str) -> bool:
    if text.lower() not in _LABELS:
        raise DataError(f"{path} line {number} has the label {text!r}: give 1 or same, 0 or different")
    return _LABELS[text.lower()]


def _identities(
    path: Path,
    lines: Sequence[int],
    pairs: Sequence[tuple[str, str]],
    is_same: Sequence[bool],
    columns: dict[str, list[str]],
) -> dict[str, str] | None:
    """Return the person each image shows, where the file says it, once it agrees with itself."""
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
