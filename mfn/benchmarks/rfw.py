"""RFW (Racial Faces in the Wild): four sets of 6,000 pairs each, judged together at one threshold."""

import dataclasses
from pathlib import Path

import numpy as np

from mfn.benchmarks.benchmark import KeepOrLeaveOut, listed_in
from mfn.benchmarks.odd_pairs import settled
from mfn.benchmarks.paired_files import ListedPairs
from mfn.benchmarks.places import files_of
from mfn.benchmarks.root import checked_options, given_root
from mfn.benchmarks.verification import VerificationSet
from mfn.errors import DataError

RACES = ("African", "Asian", "Caucasian", "Indian")


def read_rfw(
    root: str | Path | None,
    allow_missing: bool = False,
    folds: int | None = None,
    odd_pairs: KeepOrLeaveOut = "keep",
    name: str = "rfw",
) -> VerificationSet:
    """Reads RFW as its archive lays it out, all four parts as one set with the attribute ``race``.

    `txts/African/African_pairs.txt` in LFW's form, and `data/African/PERSON/PERSON_0001.jpg`; likewise for Asian,
    Caucasian and Indian. They lie in `root`, or in `test` or `RFW/test` below it. The published images are not aligned.

    Args:
        root: The folder.
        allow_missing: Leave out the pairs of images that are not there, instead of raising.
        folds: Judge in so many; by default in the ten of each list.
        odd_pairs: What becomes of pairs that say nothing.
        name: Of the set.

    Raises:
        DataError: A list is missing, or images are.
    """
    checked_options(name, allow_missing, folds, odd_pairs)
    place = given_root(root, "the folder of RFW, with txts and data")
    base = next((each for each in (place, place / "test", place / "RFW" / "test", place / "RFW", place / name)
                 if (each / "txts").is_dir() and (each / "data").is_dir()), None)  # fmt: skip
    if base is None:
        raise DataError(f"{place} holds no RFW: it should have the folders txts and data of its test.tar.gz")
    parts = {race: _part(base, race, folds) for race in RACES}
    pairs = [(f"{race}/{a}", f"{race}/{b}") for race, part in parts.items() for a, b in part.pairs]
    listed = ListedPairs(
        "LFW's form, four lists",
        pairs,
        [same for part in parts.values() for same in part.is_same],
        np.concatenate([part.fold_of for part in parts.values()]),
        identity_of={
            f"{race}/{image}": f"{race}/{person}"
            for race, part in parts.items()
            for image, person in (part.identity_of or {}).items()
        },
        groups=[race for race, part in parts.items() for _ in part.pairs],
        notes=tuple(note for part in parts.values() for note in part.notes),
        left_out=sum(part.left_out for part in parts.values()),
        attributes_of={"race": {image: image.partition("/")[0] for pair in pairs for image in pair}},
    )
    found = listed.found(name, base / "data", allow_missing)
    return settled(dataclasses.replace(found, name=name), odd_pairs == "keep", name)


def _part(base: Path, race: str, folds: int | None) -> ListedPairs:
    folder = base / "txts" / race
    file = next(files_of(folder, f"{race}_pairs.txt"), None)
    if file is None:
        raise DataError(f"{folder} lacks {race}_pairs.txt: RFW is judged on all four lists of its archive")
    return listed_in(file, folds)
