"""From pairs of file names to a verification set: what all benchmarks that lie as files have in common."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mfn.benchmarks.found_images import found_images, listed
from mfn.benchmarks.verification import VerificationSet, consecutive_folds
from mfn.errors import DataError
from mfn.images.files import ImageFiles
from mfn.text import printable

logger = logging.getLogger(__name__)

FOLDS = 10  # of LFW, and of nearly all that came after


@dataclass(frozen=True, slots=True, eq=False)
class ListedPairs:
    """P pairs as a list names them, before their images are looked for.

    Attributes:
        form: Of the list, for people.
        pairs: File names, see `ImageFinder`.
        is_same: Whether each pair shows one person.
        fold_of: int64 (P,), the fold of each pair.
        identity_of: The person each file name shows, where that is known.
        groups: The group of each pair, where there are groups.
        notes: What to know of the list, a sentence each.
        left_out: How many of its pairs are not here.
        attributes_of: What it says of each file name, by what it is: ``{"gender": {"a.jpg": "female"}}``.
    """

    form: str
    pairs: Sequence[tuple[str, str]]
    is_same: Sequence[bool]
    fold_of: np.ndarray
    identity_of: Mapping[str, str] | None = None
    groups: Sequence[str] | None = None
    notes: tuple[str, ...] = ()
    left_out: int = 0
    attributes_of: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def found(self, name: str, roots: str | Path | Sequence[Path], allow_missing: bool) -> VerificationSet:
        """Makes a set of the pairs whose images are under one of `roots`; raises as `paired_files` does."""
        pairs = paired_files(
            name,
            Path(roots) if isinstance(roots, str) else roots,
            self.pairs,
            self.is_same,
            self.fold_of,
            identity_of=self.identity_of,
            groups=self.groups,
            attributes_of=self.attributes_of,
            allow_missing=allow_missing,
        )
        return dataclasses.replace(pairs, notes=self.notes, left_out=pairs.left_out + self.left_out)


def paired_files(
    name: str,
    roots: Path | Sequence[Path],
    pairs: Sequence[tuple[str, str]],
    is_same: Sequence[bool],
    fold_of: np.ndarray,
    *,
    identity_of: Mapping[str, str] | None = None,
    groups: Sequence[str] | None = None,
    attributes_of: Mapping[str, Mapping[str, str]] | None = None,
    allow_missing: bool = False,
) -> VerificationSet:
    """Finds the images of the pairs and makes a set of them, in the order of the pairs.

    Args:
        name: Of the set.
        roots: Folders the file names may be relative to; the one that has them is taken.
        pairs: File names; see `ImageFinder`.
        is_same: Whether each pair shows one person.
        fold_of: int64 (P,), the fold of each pair.
        identity_of: The person each file name shows, where that is known.
        groups: The group of each pair, where there are groups.
        attributes_of: What is said of each file name, by what it is.
        allow_missing: Leave out the pairs of images that are not there, instead of raising.

    Raises:
        DataError: Images are missing, or none of the pairs is left.
    """
    # In the order of the pairs, as a .bin pack of them: batches, and with them the last digits, are then the same
    images = list(dict.fromkeys(image for pair in pairs for image in pair))
    folders = [roots] if isinstance(roots, Path) else list(roots)
    found = found_images(folders, images, "the pairs need", allow_missing)
    root, missing = found.root, found.missing
    if root != folders[0]:
        logger.info("%s: its images are those in %s", name, root)
    paths = list(dict.fromkeys(found.paths.values()))  # two names may lead to one file
    place = {path: index for index, path in enumerate(paths)}
    position = {image: place[path] for image, path in found.paths.items()}
    kept = np.array([a in position and b in position for a, b in pairs], bool)
    if not kept.any():
        raise DataError(f"{root} holds no two images of one of the {len(pairs)} pairs: {listed(missing)} are missing")
    if missing:
        logger.warning(
            "%s: %d of %d images are missing (%s); judged on %d of %d pairs",
            *(name, len(missing), len(images), listed(missing), kept.sum(), len(pairs)),
        )
    shown = None if identity_of is None else _of_places(identity_of, position)
    return VerificationSet(
        name,
        ImageFiles(name, paths),
        np.array([[position[a], position[b]] for (a, b), keep in zip(pairs, kept, strict=True) if keep], np.int64),
        np.array(is_same, bool)[kept],
        fold_of[kept],
        identities=None if shown is None else numbered(shown),
        groups=None if groups is None else np.array([printable(group) for group in groups])[kept],
        missing=missing,
        left_out=int((~kept).sum()),
        absent_same=np.array(is_same, bool)[~kept],
        absent_fold=fold_of[~kept],
        people=dict(enumerate(map(printable, sorted(set(shown or ()))))),
        attributes={
            what: np.array([printable(value) for value in _of_places(values, position)], str)
            for what, values in (attributes_of or {}).items()
        },
    )


def folds_by_kind(is_same: Sequence[bool] | np.ndarray, folds: int) -> np.ndarray:
    """The fold of each pair, int64 (P,): equal stretches of the genuine and of the impostor pairs.

    For lists in LFW's order (each fold's genuine pairs, then its impostor pairs) these are consecutive runs of the
    list; for lists that hold all genuine pairs first they stay balanced.
    """
    same = np.asarray(is_same, bool)
    fold_of = np.empty(same.size, np.int64)
    for kind in (same, ~same):
        fold_of[kind] = consecutive_folds(int(kind.sum()), folds)
    return fold_of


def numbered(names: Sequence[str]) -> np.ndarray:
    """The number of each name among the sorted ones, int64 (N,)."""
    number = {name: index for index, name in enumerate(sorted(set(names)))}
    return np.array([number[name] for name in names], np.int64)


def _of_places(names: Mapping[str, str], position: Mapping[str, int]) -> list[str]:
    """The name of each place, that of the first image which leads there."""
    of = {place: names[image] for image, place in reversed(list(position.items()))}
    return [of[place] for place in range(len(of))]
