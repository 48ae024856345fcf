"""CFP's protocol: celebrities frontal and in profile, frontal-frontal (FF) or frontal-profile (FP) pairs.

`Protocol/Pair_list_F.txt` and `Pair_list_P.txt` number the frontal and the profile images (`1 ../Data/Images/001/
frontal/01.jpg`, relative to `Protocol`); `Protocol/Split/FP/01/same.txt` and `diff.txt` hold the pairs of a fold as two
such numbers, `i,j`. From Sengupta et al., "Frontal to Profile Face Verification in the Wild", WACV 2016.
"""

import posixpath
from pathlib import Path
from typing import Literal

import numpy as np

from mfn.data.benchmarks.paired_files import paired_files, read_lines
from mfn.data.verification import VerificationSet
from mfn.errors import DataError

LISTS = {"F": "Pair_list_F.txt", "P": "Pair_list_P.txt"}


def read_cfp(
    root: str | Path,
    kind: Literal["FP", "FF"] = "FP",
    name: str | None = None,
    allow_missing: bool = False,
) -> VerificationSet:
    """Read CFP's official layout, with the folds of its own, each fold's genuine pairs first.

    Args:
        root: folder that holds `Protocol`, holds it one level down, or is it.
        kind: FP pairs a frontal with a profile image, FF two frontal ones.
        name: of the set, cfp_fp or cfp_ff by default.
        allow_missing: leave out the pairs of images that are not there, instead of raising.

    Raises:
        DataError: files or images are missing, or a line is not what it should be.
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
        np.array(fold_of, np.int64),
        identity_of={image: image.split("/")[-3] for image in images},
        allow_missing=allow_missing,
    )


def find_protocol(root: Path) -> Path | None:
    """Return CFP's folder `Protocol`: `root` itself, in it, or one level down."""
    candidates = (root, root / "Protocol", *sorted(root.glob("*/Protocol")))
    return next((folder.resolve() for folder in candidates if (folder / LISTS["F"]).is_file()), None)


def _image_list(path: Path, folder: str) -> dict[int, str]:
    """Return the image of each number, its path relative to the folder above `Protocol`."""
    images = {}
    for number, line in read_lines(path):
        index, _, image = line.partition(" ")
        image = posixpath.normpath(f"{folder}/{image.strip()}")
        if not index.isdigit() or image.count("/") < 2:
            raise DataError(f"{path} line {number} is {line[:60]!r}, not 'number ../Data/Images/person/kind/image'")
        images[int(index)] = image
    return images


def _numbers(path: Path, first: dict[int, str], second: dict[int, str]) -> list[tuple[str, str]]:
    pairs = []
    for number, line in read_lines(path):
        fields = [field.strip() for field in line.split(",")]
        if len(fields) != 2 or not all(field.isdigit() for field in fields):
            raise DataError(f"{path} line {number} is {line[:60]!r}, not two image numbers 'i,j'")
        a, b = map(int, fields)
        if a not in first or b not in second:
            raise DataError(f"{path} line {number} is {line!r}, and the list of images has no such number")
        pairs.append((first[a], second[b]))
    return pairs
