"""Finding a verification benchmark by its name, in whatever form it lies on disk."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from mfn.data.benchmarks.bin_pack import read_bin
from mfn.data.benchmarks.cfp import find_protocol, read_cfp
from mfn.data.benchmarks.pair_csv import read_pair_csv
from mfn.data.benchmarks.pair_lists import read_pair_list
from mfn.data.benchmarks.paired_files import FOLDS
from mfn.data.verification import VerificationSet
from mfn.errors import DataError

_Reader = Callable[[], VerificationSet]

_NAMED = ("{}.csv", "pairs_{}.txt", "{}_pairs.txt", "{}_pair.txt", "{}.txt")
_ANY = ("pairs.csv", "pairs.txt")
_IMAGE_FOLDERS = ("images", "aligned images", "aligned_images", "imgs")


def read_benchmark(
    name: str, root: str | Path | None, allow_missing: bool = False, folds: int = FOLDS
) -> VerificationSet:
    """Read the benchmark `name` from `root`.

    Looked for, in this order:

    - `root` itself where it is a file: a `.bin` pack, a `.csv` or a list of pairs;
    - `root/NAME.bin`, `root/NAME/NAME.bin`;
    - in the folder `root/NAME`, then in `root` itself: `NAME.csv`, a list in any form of the field (`pairs_NAME.txt`,
      `NAME_pairs.txt`, `NAME_pair.txt`, `NAME.txt`; upper and lower case are one); CFP's `Protocol`, FF for names that
      end in ff, else FP; `pairs.csv`, `pairs.txt`.

    Images of a list lie beside it in the folder `images`, `aligned images`, `aligned_images`, `imgs` or NAME, or else
    in the list's own.

    Args:
        name: of the benchmark: lfw, cfp_fp, agedb_30, calfw, cplfw, vgg2_fp, or your own.
        root: a file or folder.
        allow_missing: leave out the pairs of images that are not there, instead of raising.
        folds: where the benchmark brings none of its own.

    Raises:
        DataError: nothing of the above is there, or what is there cannot be read.
    """
    if root is None:
        raise DataError(f"benchmark.root must be given: the folder that holds {name}, as in benchmark.root=DIR")
    return _find(name, Path(root).expanduser(), allow_missing, folds)()


def _find(name: str, root: Path, allow_missing: bool, folds: int) -> _Reader:
    """Return how to read the benchmark."""
    packs = [root] if root.is_file() and root.suffix == ".bin" else [root / f"{name}.bin", root / name / f"{name}.bin"]
    for pack in packs:
        if pack.is_file():
            return partial(read_bin, pack, name, folds)
    if root.is_file():
        return _list_reader(name, root, allow_missing, folds)
    for folder in (root / name, root):
        for file in _files(folder, *(form.format(name) for form in _NAMED)):
            return _list_reader(name, file, allow_missing, folds)
        is_cfp = folder != root or "cfp" in name.lower()  # another benchmark is not to be judged on CFP's pairs
        if is_cfp and (protocol := find_protocol(folder)) is not None:
            kind = "FF" if name.lower().endswith("ff") else "FP"
            return partial(read_cfp, protocol, kind, name, allow_missing)
        for file in _files(folder, *_ANY):
            return _list_reader(name, file, allow_missing, folds)
    lists = ", ".join((*(form.format(name) for form in _NAMED), *_ANY))
    raise DataError(
        f"{root} holds no benchmark {name}: looked for {name}.bin, and in {root / name} and {root} for {lists} and "
        "CFP's Protocol"
    )


def _files(folder: Path, *names: str) -> Iterator[Path]:
    """Yield the files of these names, in their order, whatever their case."""
    there = {path.name.lower(): path for path in sorted(folder.glob("*.*"))} if folder.is_dir() else {}
    yield from (there[name.lower()] for name in names if name.lower() in there)


def _list_reader(name: str, file: Path, allow_missing: bool, folds: int) -> _Reader:
    if file.suffix.lower() == ".csv":
        return partial(read_pair_csv, file, None, name, folds, allow_missing)
    beside = [file.parent / folder for folder in (*_IMAGE_FOLDERS, name)]
    images = next((folder for folder in beside if folder.is_dir()), file.parent)
    return partial(read_pair_list, file, images, name, folds, allow_missing)
