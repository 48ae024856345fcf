"""BFW (Balanced Faces in the Wild): one table of pairs in five folds, with eight groups by gender and ethnicity."""

from pathlib import Path

from mfn.benchmarks.benchmark import KeepOrLeaveOut, read_at
from mfn.benchmarks.root import given_root
from mfn.benchmarks.verification import VerificationSet
from mfn.errors import DataError


def read_bfw(
    root: str | Path | None,
    allow_missing: bool = False,
    folds: int | None = None,
    odd_pairs: KeepOrLeaveOut = "keep",
    images: str | None = None,
    name: str = "bfw",
) -> VerificationSet:
    """Reads BFW's table `bfw-*.csv`, whose columns p1, p2 name the images and att1, att2 their groups.

    The set has the attributes ``att`` (asian_females, ...), ``g`` (F, M) and ``e`` (A, B, I, W).

    Args:
        root: The table, or the folder that holds it and the folder of the images.
        allow_missing: Leave out the pairs of images that are not there, instead of raising.
        folds: Judge in so many; by default in those of the table.
        odd_pairs: What becomes of pairs that say nothing.
        images: The folder that holds `asian_females` and the others, where it does not lie beside the table.
        name: Of the set.

    Raises:
        DataError: There is no table, or images are missing.
    """
    place = given_root(root, "the table of BFW, bfw-*.csv, or its folder")
    if place.is_dir():
        tables = sorted(file for each in (place, place / name) for file in each.glob("*.csv")
                        if file.name.lower().startswith("bfw"))  # fmt: skip
        if not tables:
            raise DataError(f"{place} holds no table bfw*.csv: give the folder that holds BFW's table of pairs")
        place = tables[-1]
    if not place.is_file():
        raise DataError(f"benchmark.root={root} is neither a folder nor BFW's table of pairs")
    return read_at(place, name, name, allow_missing, folds, odd_pairs, images)
