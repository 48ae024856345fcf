"""From pairs of file names to a verification set: what all benchmarks that lie as files have in common."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mfn.data.image_files import IMAGE_SUFFIXES, ImageFiles
from mfn.data.verification import VerificationSet, consecutive_folds
from mfn.errors import DataError

logger = logging.getLogger(__name__)

FOLDS = 10  # of LFW, and of nearly all that came after

_SHOWN = 5


def paired_files(
    name: str,
    root: Path,
    pairs: Sequence[tuple[str, str]],
    is_same: Sequence[bool],
    fold_of: np.ndarray,
    *,
    identity_of: Mapping[str, str] | None = None,
    groups: Sequence[str] | None = None,
    allow_missing: bool = False,
) -> VerificationSet:
    """Find the images of the pairs and make a set of them, in the order of the pairs.

    Args:
        name: of the set.
        root: folder the file names are relative to.
        pairs: file names, '/' between folders; see `find_image`.
        is_same: whether each pair shows one person.
        fold_of: int64 (P,), the fold of each pair.
        identity_of: the person each file name shows, where that is known.
        groups: the group of each pair, where there are groups.
        allow_missing: leave out the pairs of images that are not there, instead of raising.

    Raises:
        DataError: images are missing, or none of the pairs is left.
    """
    # In the order of the pairs, as a .bin pack of them: batches, and with them the last digits, are then the same
    images = list(dict.fromkeys(image for pair in pairs for image in pair))
    paths = [find_image(root, image) for image in images]
    missing = tuple(image for image, path in zip(images, paths, strict=True) if path is None)
    if missing and not allow_missing:
        raise DataError(
            f"{root} lacks {len(missing)} of the {len(images)} images the pairs need: {_listed(missing)}; put them "
            "there, or set benchmark.allow_missing=true to judge on the other pairs"
        )
    there = [image for image, path in zip(images, paths, strict=True) if path is not None]
    position = {image: index for index, image in enumerate(there)}
    kept = np.array([a in position and b in position for a, b in pairs], bool)
    if not kept.any():
        raise DataError(f"{root} holds no two images of one of the {len(pairs)} pairs: {_listed(missing)} are missing")
    if missing:
        logger.warning(
            "%s: %d of %d images are missing (%s); judged on %d of %d pairs",
            *(name, len(missing), len(images), _listed(missing), kept.sum(), len(pairs)),
        )
    return VerificationSet(
        name,
        ImageFiles(name, [path for path in paths if path is not None]),
        np.array([[position[a], position[b]] for (a, b), keep in zip(pairs, kept, strict=True) if keep], np.int64),
        np.array(is_same, bool)[kept],
        fold_of[kept],
        identities=None if identity_of is None else _numbered([identity_of[image] for image in there]),
        groups=None if groups is None else np.array(groups, str)[kept],
        missing=missing,
        left_out=int((~kept).sum()),
    )


def find_image(root: Path, name: str) -> Path | None:
    """Return the path of image `name` under `root`, also where it has another known suffix, such as .png for .jpg."""
    path = root / name
    stem = path.stem if path.suffix.lower() in IMAGE_SUFFIXES else path.name
    candidates = (path, *(path.with_name(stem + suffix) for suffix in IMAGE_SUFFIXES))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def folds_by_kind(is_same: Sequence[bool] | np.ndarray, folds: int) -> np.ndarray:
    """Return the fold of each pair, int64 (P,): equal stretches of the genuine and of the impostor pairs.

    For lists in LFW's order (each fold's genuine pairs, then its impostor pairs) these are consecutive runs of the
    list; for lists that hold all genuine pairs first they stay balanced.
    """
    same = np.asarray(is_same, bool)
    fold_of = np.empty(same.size, np.int64)
    for kind in (same, ~same):
        fold_of[kind] = consecutive_folds(int(kind.sum()), folds)
    return fold_of


def read_text(path: Path) -> str:
    """Return the text of a file of pairs.

    Raises:
        DataError: the file is missing or no text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): give the pairs file of the benchmark") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no UTF-8 text (byte {error.start}): give the pairs file of the benchmark") from None


def read_lines(path: Path) -> list[tuple[int, str]]:
    """Return the lines of a text file that are not blank, stripped, with their numbers; raises as `read_text`."""
    return [(number, line.strip()) for number, line in enumerate(read_text(path).splitlines(), start=1) if line.strip()]


def _numbered(names: Sequence[str]) -> np.ndarray:
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
