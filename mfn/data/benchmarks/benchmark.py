"""Finding a verification benchmark by its name, in whatever form it lies on disk."""

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from mfn.data.benchmarks.bin_pack import read_bin
from mfn.data.benchmarks.cfp import find_protocol, read_cfp
from mfn.data.benchmarks.lfw import lfw_of_rows
from mfn.data.benchmarks.odd_pairs import settled
from mfn.data.benchmarks.pair_csv import read_pair_csv
from mfn.data.benchmarks.pair_lists import read_pair_list
from mfn.data.benchmarks.paired_files import FOLDS
from mfn.data.benchmarks.places import (
    ANY,
    LFW_VIEW_1,
    NAMED,
    files_of,
    image_folders,
    list_folders,
    lists_at,
    other_half,
)
from mfn.data.benchmarks.root import checked_options, given_root
from mfn.data.rows import table
from mfn.data.verification import VerificationSet
from mfn.errors import DataError

OddPairs = Literal["keep", "leave_out"]

_Reader = Callable[[int | None], VerificationSet]


def read_benchmark(
    name: str,
    root: str | Path | None,
    allow_missing: bool = False,
    folds: int | None = None,
    odd_pairs: OddPairs = "keep",
) -> VerificationSet:
    """Read the benchmark `name` from `root`.

    Looked for, in this order:

    - `root` itself where it is a file: a `.bin` pack, a `.csv` or a list of pairs;
    - `root/NAME.bin`, `root/NAME/NAME.bin`;
    - in the folder `root/NAME`, then in `root` itself: `NAME.csv`, a list in any form of the field (`pairs_NAME.txt`,
      `NAME_pairs.txt`, `NAME_pair.txt`, `NAME.txt`); CFP's `Protocol`, FF for names that end in ff, else FP;
      `pairs.csv`, `pairs.txt`; LFW's in more places, see `list_folders`.

    Upper and lower case are one. Images of a list are looked for as `image_folders` says.

    Args:
        name: of the benchmark: lfw, cfp_fp, agedb_30, calfw, cplfw, vgg2_fp, or your own.
        root: a file or folder.
        allow_missing: leave out the pairs of images that are not there, instead of raising.
        folds: judge in so many, whatever the benchmark brings; None takes its own, or ten.
        odd_pairs: what becomes of pairs of an image with itself, of repeats and of pairs called both kinds: a published
            set keeps them, so that its figures are those of the field. They are counted either way.

    Raises:
        ConfigError: a value of the wrong kind.
        DataError: nothing of the above is there, or what is there cannot be read.
    """
    place = given_root(root, f"the folder that holds {name}")
    checked_options(name, allow_missing, folds, odd_pairs)
    found = _find(name, place, allow_missing)(folds)
    return settled(_with_note_of_folds(found, folds), keep=odd_pairs == "keep")


def _find(name: str, root: Path, allow_missing: bool) -> _Reader:
    """Return how to read the benchmark, given its folds."""
    if root.is_file():
        return _file_reader(name, root, allow_missing)
    for pack in (*files_of(root, f"{name}.bin"), *files_of(root / name, f"{name}.bin")):
        return partial(_pack, pack, name)
    folders = list_folders(name, root)
    for folder in folders:
        for file in files_of(folder, *(form.format(name) for form in NAMED)):
            return _file_reader(name, file, allow_missing)
        is_cfp = folder != root or "cfp" in name.lower()  # another benchmark is not to be judged on CFP's pairs
        if is_cfp and (protocol := find_protocol(folder)) is not None:
            kind = "FF" if name.lower().endswith("ff") else "FP"
            return partial(read_cfp, protocol, kind, name, allow_missing)
        for file in files_of(folder, *ANY):
            return _file_reader(name, file, allow_missing)
    for file in (file for folder in folders if name == "lfw" for file in files_of(folder, *LFW_VIEW_1)):
        return _file_reader(name, file, allow_missing)
    raise DataError(_nothing_found(name, root, folders))


def _file_reader(name: str, file: Path, allow_missing: bool) -> _Reader:
    if file.suffix.lower() == ".bin":
        return partial(_pack, file, name)
    images = image_folders(file, name)
    if (other := other_half(file)) is not None:
        return partial(_halves, file, other, images, name, allow_missing)
    if file.suffix.lower() == ".csv":
        return lambda folds: _with_note_of_view(
            read_pair_csv(file, [file.parent, *images], name, folds, allow_missing), file
        )
    return lambda folds: _with_note_of_view(read_pair_list(file, images, name, folds, allow_missing), file)


def _pack(file: Path, name: str, folds: int | None) -> VerificationSet:
    return read_bin(file, name, folds)


def _halves(
    file: Path, other: Path, images: list[Path], name: str, allow_missing: bool, folds: int | None
) -> VerificationSet:
    rows = [*table(file), *table(other)[1:]]
    return _with_note_of_view(lfw_of_rows(file, rows, images, name, allow_missing, folds), file)


def _with_note_of_view(pairs: VerificationSet, file: Path) -> VerificationSet:
    view = next((view for view in ("DevTrain", "DevTest") if view.lower() in file.name.lower()), None)
    if view is None:
        return pairs
    note = f"{file.name} holds pairs to develop on (LFW's view 1), not the 6,000 of the published figures"
    return dataclasses.replace(pairs, notes=(*pairs.notes, note))


def _with_note_of_folds(pairs: VerificationSet, folds: int | None) -> VerificationSet:
    """Say where there are not pairs enough for the folds: each then has one of a kind."""
    wanted, found = folds or FOLDS, np.unique(pairs.fold_of).size
    kinds = np.stack([np.bincount(pairs.fold_of[pairs.is_same == same], minlength=1).max() for same in (True, False)])
    if not 2 <= found < wanted or (kinds > 1).any():
        return pairs
    note = f"judged in {found} folds: {len(pairs.pairs)} pairs are too few for {wanted}"
    return dataclasses.replace(pairs, notes=(*pairs.notes, note))


def _nothing_found(name: str, root: Path, folders: list[Path]) -> str:
    lists = ", ".join((*(form.format(name) for form in NAMED), *ANY))
    places = ", ".join(str(folder) for folder in folders if folder.is_dir()) or f"{root}, which is no folder"
    seen = lists_at(folders)
    hint = f"; for {seen[0]}, say benchmark=file benchmark.root={seen[0]}" if seen else ""
    return (
        f"{root} holds no benchmark {name}: looked for {name}.bin, and in {places} for {lists} and CFP's Protocol{hint}"
    )
