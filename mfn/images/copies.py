"""Virtual copies: images that a source gives again as a variant, so that nothing is doubled on disk.

They are listed in `variants.tsv` beside the images: a first line `# mfn variants 1`, then lines of
`key<TAB>variant`, where the key is a record's number in a pack or a path relative to the identity folders.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfn.errors import DataError
from mfn.files.lines import read_lines, write_lines
from mfn.images.variants import VARIANTS, variant_draws

FILE = "variants.tsv"
_HEADER = "# mfn variants 1"
_NAMES = ("", *VARIANTS)


@dataclass(frozen=True, slots=True)
class Copies:
    """What the rows of a source show: its N images, then C copies of some of them.

    Attributes:
        origins: int64 (N + C,), the row of the image that each row shows; its own for an image.
        codes: uint8 (N + C,), 0 for an image, else 1 + the variant's place in `VARIANTS`.
    """

    origins: np.ndarray
    codes: np.ndarray

    @property
    def variants(self) -> np.ndarray:
        """The variants' names, str (N + C,), "" for an image."""
        return np.array(_NAMES)[self.codes]

    def apply(self, image: np.ndarray, row: int, seed: int, epoch: int) -> np.ndarray:
        """What row `row` shows, uint8 (H, W, 3) RGB, given the image under it; noise is new in each epoch."""
        name = _NAMES[self.codes[row]]
        return VARIANTS[name](image, variant_draws(seed, epoch, row)) if name else image


def read_copies(folder: Path, keys: np.ndarray) -> Copies | None:
    """Reads a folder's `variants.tsv`, if there is one.

    Args:
        folder: Where the images are.
        keys: (N,) of record numbers or relative paths, what each image is called there.

    Raises:
        DataError: The file is of another version, names an unknown variant or an image that is not there.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    wanted, codes = _parse(path)
    try:
        names = np.array(wanted, keys.dtype if keys.dtype.kind == "i" else str)
    except (ValueError, OverflowError):
        raise DataError(f"{path}: its keys must be record numbers of the pack beside it") from None
    order = np.argsort(keys, kind="stable")
    places = np.minimum(np.searchsorted(keys, names, sorter=order), keys.size - 1)
    origins = order[places]
    if not (found := keys[origins] == names).all():
        missing = int(np.flatnonzero(~found)[0])
        raise DataError(f"{path} line {missing + 2}: there is no image {wanted[missing]!r} here; correct or remove it")
    return Copies(
        np.concatenate([np.arange(keys.size), origins]),
        np.concatenate([np.zeros(keys.size, np.uint8), np.array(codes, np.uint8)]),
    )


def write_copies(folder: Path, copies: Iterable[tuple[str, str]]) -> None:
    """Writes a folder's `variants.tsv` from (key, variant) pairs.

    Raises:
        DataError: A key that the file cannot hold.
    """
    lines = [_HEADER]
    for key, variant in copies:
        if "\n" in key or variant not in VARIANTS:
            raise DataError(f"{folder / FILE} cannot hold the variant {variant!r} of {key!r}")
        lines.append(f"{key}\t{variant}")
    write_lines(folder / FILE, lines)


def _parse(path: Path) -> tuple[list[str], list[int]]:
    header, *lines = read_lines(path)
    if header != _HEADER:
        raise DataError(f"{path} begins with {header[:40]!r}, not {_HEADER!r}: this version cannot read it")
    fields = [line.rpartition("\t") for line in lines]
    for number, (_, _, variant) in enumerate(fields, 2):
        if variant not in VARIANTS:
            raise DataError(f"{path} line {number}: no variant {variant!r}; there are {', '.join(VARIANTS)}")
    return [key for key, _, _ in fields], [_NAMES.index(variant) for _, _, variant in fields]
