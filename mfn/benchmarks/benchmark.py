"""Finding a verification benchmark by its name, in whatever form it lies on disk."""

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from mfn.benchmarks.array_pack import read_arrays
from mfn.benchmarks.bin_pack import read_bin
from mfn.benchmarks.cfp import LISTS, find_protocol, read_cfp
from mfn.benchmarks.lfw import is_header, listed_lfw
from mfn.benchmarks.odd_pairs import settled
from mfn.benchmarks.pair_csv import listed_csv
from mfn.benchmarks.pair_lists import listed_pairs
from mfn.benchmarks.paired_files import ListedPairs
from mfn.benchmarks.places import (
    ANY,
    LFW_VIEW_1,
    NAMED,
    PACKS,
    files_of,
    image_folders,
    list_folders,
    lists_at,
    other_half,
    own_folder,
    with_inner,
)
from mfn.benchmarks.root import checked_options, given_images, given_root
from mfn.benchmarks.verification import VerificationSet
from mfn.errors import DataError
from mfn.files.lines import table

logger = logging.getLogger(__name__)

KeepOrLeaveOut = Literal["keep", "leave_out"]


def read_benchmark(
    name: str,
    root: str | Path | None,
    allow_missing: bool = False,
    folds: int | None = None,
    odd_pairs: KeepOrLeaveOut = "keep",
    images: str | None = None,
) -> VerificationSet:
    """Reads the benchmark `name` from `root`.

    Looked for, in this order:

    - `root` itself where it is a file: a pack, a `.csv` or a list of pairs;
    - `root/NAME.bin`, `root/NAME/NAME.bin`; likewise `NAME.xz` (a compressed pack) and `NAME.npy` (with `issame.txt`);
    - in the folder `root/NAME`, then in `root` itself: `NAME.csv`, a list in any form of the field (`pairs_NAME.txt`,
      `NAME_pairs.txt`, `NAME_pair.txt`, `pair_NAME.txt`, `NAME.txt`); CFP's `Protocol`, FF for names that end in ff,
      else FP; `pairs.csv`, `pairs.txt`; LFW's in more places, see `list_folders`.

    Upper and lower case are one, and `-` and `_` may be left out or changed. Images of a list are looked for as
    `image_folders` says.

    Args:
        name: Of the benchmark: lfw, cfp_fp, agedb_30, calfw, cplfw, vgg2_fp, xqlfw, sllfw, ..., or your own.
        root: A file or folder.
        allow_missing: Leave out the pairs of images that are not there, instead of raising.
        folds: Judge in so many, whatever the benchmark brings; None takes its own, or ten.
        odd_pairs: What becomes of pairs of an image with itself, of repeats and of pairs called both kinds: a published
            set keeps them, so that its figures are those of the field. They are counted either way.
        images: The folder of a list's images, where they lie in none of the usual places beside it.

    Raises:
        ConfigError: A value of the wrong kind.
        DataError: Nothing of the above is there, or what is there cannot be read.
    """
    place = given_root(root, f"the folder that holds {name}")
    return read_at(place, name, name, allow_missing, folds, odd_pairs, images)


def read_at(
    place: Path,
    name: str,
    key: str,
    allow_missing: bool,
    folds: int | None,
    odd_pairs: KeepOrLeaveOut,
    images: str | None = None,
) -> VerificationSet:
    """Reads as `read_benchmark` what its configuration calls `key`."""
    checked_options(key, allow_missing, folds, odd_pairs)
    found = _found(name, place, allow_missing, folds, given_images(images, key))
    return _with_note_of_folds(settled(found, odd_pairs == "keep", key), folds)


def _found(name: str, root: Path, allow_missing: bool, folds: int | None, images: Path | None) -> VerificationSet:
    if root.is_file():
        return _read_file(name, root, allow_missing, folds, images)
    folders = list_folders(name, root)
    named = [form.format(name) for form in PACKS]
    packs = (pack for folder in (root, own_folder(root, name)) for pack in files_of(folder, *named))
    if (file := next(packs, None) or _list_in(name, root, folders)) is not None:
        if file.name == LISTS["F"]:
            return read_cfp(file.parent, "FF" if name.lower().endswith("ff") else "FP", name, allow_missing, folds)
        return _read_file(name, file, allow_missing, folds, images)
    raise DataError(_nothing_found(name, root, folders))


def _list_in(name: str, root: Path, folders: Sequence[Path]) -> Path | None:
    """The first list of the benchmark in these folders; CFP's first list of images stands for its protocol."""
    for folder in folders:
        # No other benchmark is judged on CFP's pairs
        is_cfp = folder == own_folder(root, name) or "cfp" in name.lower()
        protocol = find_protocol(folder) if is_cfp else None
        found = [*files_of(folder, *(form.format(name) for form in NAMED))]
        found += [] if protocol is None else [protocol / LISTS["F"]]
        found += files_of(folder, *ANY)
        if found:
            return found[0]
    view_1 = (file for folder in folders if name == "lfw" for file in files_of(folder, *LFW_VIEW_1))
    return next(view_1, None)


def _read_file(name: str, file: Path, allow_missing: bool, folds: int | None, images: Path | None) -> VerificationSet:
    if file.suffix.lower() in (".bin", ".xz"):
        return read_bin(file, name, folds)
    if file.suffix.lower() == ".npy":
        return read_arrays(file, name, folds)
    folders = image_folders(file, name) if images is None else with_inner([images])
    return listed_in(file, folds).found(name, folders, allow_missing)


def listed_in(file: Path, folds: int | None = None) -> ListedPairs:
    """The pairs of a list of any form; LFW's of both kinds where they are in two files.

    Raises:
        DataError: The file cannot be read, or a line is no pair.
    """
    if (other := other_half(file)) is not None:
        more = table(other)
        listed = listed_lfw(file, [*table(file), *more[more != [] and is_header(more[0][1]) :]], folds)
    elif file.suffix.lower() == ".csv":
        listed = listed_csv(file, folds)
    else:
        listed = listed_pairs(file, folds)
    if "devtrain" not in file.name.lower() and "devtest" not in file.name.lower():
        return listed
    note = f"{file.name} holds pairs to develop on (LFW's view 1), not the 6,000 of the published figures"
    return dataclasses.replace(listed, notes=(*listed.notes, note))


def _with_note_of_folds(pairs: VerificationSet, folds: int | None) -> VerificationSet:
    """Says where there are not pairs enough for the folds asked for."""
    found = np.unique(pairs.fold_of).size
    if folds is None or found >= folds:
        return pairs
    note = f"judged in {found} folds: {len(pairs.pairs)} pairs are too few for {folds}"
    logger.warning("%s: %s", pairs.name, note)
    return dataclasses.replace(pairs, notes=(*pairs.notes, note))


def _nothing_found(name: str, root: Path, folders: Sequence[Path]) -> str:
    packs = ", ".join(form.format(name) for form in PACKS)
    lists = ", ".join((*(form.format(name) for form in NAMED), *ANY))
    places = ", ".join(str(folder) for folder in folders if folder.is_dir()) or f"{root}, which is no folder"
    seen = lists_at(folders)
    hint = f"; for {seen[0]}, say benchmark=file benchmark.root={seen[0]}" if seen else ""
    return f"{root} holds no benchmark {name}: looked for {packs}, and in {places} for {lists} and CFP's Protocol{hint}"
