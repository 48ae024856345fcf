"""CFP's protocol: celebrities frontal and in profile, frontal-frontal (FF) or frontal-profile (FP) pairs.

`Protocol/Pair_list_F.txt` and `Pair_list_P.txt` number the frontal and the profile images (`1 ../Data/Images/001/
frontal/01.jpg`, relative to `Protocol`); `Protocol/Split/FP/01/same.txt` and `diff.txt` hold the pairs of a fold as two
such numbers, `i,j`. From Sengupta et al., "Frontal to Profile Face Verification in the Wild", WACV 2016.
"""

import posixpath
import re
from pathlib import Path
from typing import Literal

import numpy as np

from mfn.benchmarks.paired_files import folds_by_kind, paired_files
from mfn.benchmarks.verification import VerificationSet
from mfn.errors import DataError
from mfn.files.lines import divider_of, fields, numbered_lines, slashed, whole_number

_ENDS = " \t\"';,"
LISTS = {"F": "Pair_list_F.txt", "P": "Pair_list_P.txt"}


def read_cfp(
    root: str | Path,
    kind: Literal["FP", "FF"] = "FP",
    name: str | None = None,
    allow_missing: bool = False,
    folds: int | None = None,
) -> VerificationSet:
    """Reads CFP's official layout, with the folds of its own, each fold's genuine pairs first.

    Args:
        root: Folder that holds `Protocol`, holds it one level down, or is it.
        kind: FP pairs a frontal with a profile image, FF two frontal ones.
        name: Of the set, cfp_fp or cfp_ff by default.
        allow_missing: Leave out the pairs of images that are not there, instead of raising.
        folds: Other folds than its own: equal stretches of the genuine and of the impostor pairs.

    Raises:
        DataError: Files or images are missing, or a line is not what it should be.
    """
    protocol = find_protocol(Path(root))
    if protocol is None:
        raise DataError(f"{root} holds no Protocol/{LISTS['F']}: give the folder of the CFP dataset")
    if kind not in ("FP", "FF"):
        raise DataError(f"CFP has no kind of pairs {kind!r}: take FP or FF")
    lists = {letter: _image_list(protocol / LISTS[letter], protocol.name) for letter in kind}
    splits = sorted(folder for folder in (protocol / "Split" / kind).glob("*") if folder.is_dir())
    if not splits:
        raise DataError(f"{protocol / 'Split' / kind} holds no folds (01, 02, ...): the protocol is not complete")
    pairs, is_same, fold_of = [], [], []
    for fold, folder in enumerate(splits):
        for same in (True, False):
            drawn = _numbers(folder / ("same.txt" if same else "diff.txt"), *(lists[letter] for letter in kind))
            pairs += drawn
            is_same += [same] * len(drawn)
            fold_of += [fold] * len(drawn)
    images = {image for pair in pairs for image in pair}
    return paired_files(
        name or f"cfp_{kind.lower()}",
        protocol.parent,
        pairs,
        is_same,
        np.array(fold_of, np.int64) if folds is None else folds_by_kind(is_same, folds),
        identity_of={image: image.split("/")[-3] for image in images},
        allow_missing=allow_missing,
    )


def find_protocol(root: Path) -> Path | None:
    """CFP's folder `Protocol`: `root` itself, in it, or one level down."""
    candidates = (root, root / "Protocol", *sorted(root.glob("*/Protocol")))
    return next((folder.resolve() for folder in candidates if (folder / LISTS["F"]).is_file()), None)


def _image_list(path: Path, folder: str) -> dict[int, str]:
    """The image of each number, its path relative to the folder above `Protocol`."""
    images = {}
    for number, line in numbered_lines(path):
        index, *rest = re.split(r"[ \t,;]+", line, maxsplit=1)
        image = posixpath.normpath(f"{folder}/{slashed(''.join(rest).strip(_ENDS))}")
        if (place := whole_number(index)) is None or image.count("/") < 2:
            raise DataError(f"{path} line {number} is {line[:60]!r}, not 'number ../Data/Images/person/kind/image'")
        images[place] = image
    return images


def _numbers(path: Path, first: dict[int, str], second: dict[int, str]) -> list[tuple[str, str]]:
    pairs = []
    lines = numbered_lines(path)
    divider = divider_of(line for _, line in lines)
    for number, line in lines:
        match [whole_number(field) for field in fields(line, divider)]:
            case [int(a), int(b)] if a in first and b in second:
                pairs.append((first[a], second[b]))
            case [int(_), int(_)]:
                raise DataError(f"{path} line {number} is {line!r}, and the list of images has no such number")
            case _:
                raise DataError(f"{path} line {number} is {line[:60]!r}, not two image numbers 'i,j'")
    return pairs
