"""Writing a verification set down in LFW's form."""

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mfn.benchmarks.paired_files import folds_by_kind
from mfn.benchmarks.verification import VerificationSet
from mfn.benchmarks.writable import with_readable_images
from mfn.errors import DataError
from mfn.files.atomic import clear_left_behind, hidden_folder, replacing
from mfn.files.ownership import refuse_if_taken
from mfn.sources.encode import encoded, suffix_of
from mfn.sources.source import ImageSource

PAIRS, IMAGES = "pairs.txt", "images"


def write_lfw(pairs: VerificationSet, folder: str | Path, names: Mapping[int, str] | None = None) -> VerificationSet:
    """Writes `pairs.txt` and `images/Name/Name_0001.jpg`, so that `read_lfw` reads the same pairs and folds.

    Args:
        pairs: A set that knows its identities, its folds equal stretches of the genuine and the impostor pairs.
        folder: Where to; `images` and `pairs.txt` appear there once all images are written.
        names: A name for each identity; letters that file names or the pairs file cannot hold become '_'.

    Returns:
        The set as written: without the pairs of broken images, where the set is not strict.

    Raises:
        BrokenImageError: An image of a strict set cannot be decoded.
        DataError: LFW's form cannot hold the set, or the folder holds `pairs.txt` or `images` already.
    """
    folder = Path(folder)
    refuse_to_replace_lfw(folder)
    people = _people(pairs)
    folds = int(pairs.fold_of.max()) + 1
    if not np.array_equal(pairs.fold_of, folds_by_kind(pairs.is_same, folds)):
        raise DataError(f"LFW's form has no place for the folds of {pairs.name}: write it as a .bin pack")
    pairs = with_readable_images(pairs)
    people = _people(pairs)
    clear_left_behind(folder)
    with hidden_folder(folder / IMAGES) as work:
        images = _write_images(pairs.source, people, _safe_names(people, names or {}), work / IMAGES)
        lines = [f"{folds}\t{_pairs_per_fold(pairs.is_same, folds)}"]
        for (a, b), same in zip(pairs.pairs.tolist(), pairs.is_same.tolist(), strict=True):
            columns = (*images[a], images[b][1]) if same else (*images[a], *images[b])
            lines.append("\t".join(map(str, columns)))
        refuse_to_replace_lfw(folder)
        with replacing(folder / PAIRS) as path:
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            (work / IMAGES).rename(folder / IMAGES)
    return dataclasses.replace(pairs, fold_of=folds_by_kind(pairs.is_same, folds))


def refuse_to_replace_lfw(folder: Path) -> None:
    """Makes sure that nothing is lost by writing a set into a folder.

    Raises:
        DataError: One of the names is taken.
    """
    refuse_if_taken(folder, (PAIRS, IMAGES))


def _write_images(
    source: ImageSource, people: np.ndarray, names: Mapping[int, str], folder: Path
) -> list[tuple[str, int]]:
    """Writes every image and gives what it is called: (name, number from 1 among the person's)."""
    numbers: Counter[int] = Counter()
    called = []
    for index, person in enumerate(people.tolist()):
        numbers[person] += 1
        name, data = names[person], encoded(source, index)
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / f"{name}_{numbers[person]:04d}{suffix_of(data)}").write_bytes(data)
        called.append((name, numbers[person]))
    return called


def _pairs_per_fold(is_same: np.ndarray, folds: int) -> int:
    """The pairs of each kind in a fold, as LFW's header counts them; 0 where they are not as many."""
    half, rest = divmod(is_same.size, 2 * folds)
    return half if not rest and 2 * is_same.sum() == is_same.size else 0


def _people(pairs: VerificationSet) -> np.ndarray:
    people = pairs.identities
    if people is None:
        raise DataError(f"LFW's form names the people, and {pairs.name} does not know them: write it as a .bin pack")
    if not np.array_equal(people[pairs.pairs[:, 0]] == people[pairs.pairs[:, 1]], pairs.is_same):
        raise DataError(f"{pairs.name} calls pairs genuine or impostor against its identities")
    return people


def _safe_names(people: np.ndarray, names: Mapping[int, str]) -> dict[int, str]:
    """A name for each person that is a file name everywhere, holds no white space and is no other's."""
    safe: dict[int, str] = {}
    taken: set[str] = set()
    for person in np.unique(people).tolist():
        name = re.sub(r"[^\w.-]+", "_", names.get(person, f"person_{person:06d}")).strip("._") or "person"
        while name.casefold() in taken:
            name += f"_{person}"
        taken.add(name.casefold())
        safe[person] = name
    return safe
