"""Looking at verification sets: packs, and lists of pairs of any form."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mfn.benchmarks.benchmark import listed_in
from mfn.benchmarks.bin_pack import read_bin
from mfn.benchmarks.odd_pairs import find_odd_pairs, in_words, odd_among
from mfn.benchmarks.paired_files import numbered
from mfn.benchmarks.places import image_folders
from mfn.benchmarks.preconditions import check_benchmark
from mfn.benchmarks.verification import VerificationSet
from mfn.errors import DataError
from mfn.images.finder import finder_of
from mfn.inspection.inspection import Inspection, megabytes
from mfn.inspection.pixels import look_at, spread
from mfn.text import printable


def inspect_bin(path: Path, most: int) -> Inspection:
    """Looks at a verification pack; raises as `read_bin` does."""
    pairs = read_bin(path)
    found, problems = look_at(pairs.source, spread(len(pairs.source), most))
    facts = _facts(path, pairs.is_same, pairs.fold_of) | {"different images": len(pairs.source)}
    problems = [*problems, *_problems(pairs, find_odd_pairs(pairs).counts())]
    return Inspection(str(path), "verification pack", facts | found, problems, images=pairs.source)


def inspect_pairs(path: Path, most: int) -> Inspection:
    """Looks at a list of pairs, and at its images where these are found.

    Raises:
        DataError: It is no list of pairs.
    """
    try:
        listed = listed_in(path)
    except DataError as error:
        raise DataError(f"{path} is of no kind that is known here; read as a list of pairs: {error}") from None
    names = list(dict.fromkeys(name for pair in listed.pairs for name in pair))
    finder = finder_of(image_folders(path, path.stem), names)
    missing = [name for name in names if finder.find(name) is None]
    facts = _facts(path, np.array(listed.is_same, bool), listed.fold_of)
    facts |= {"images": len(names), "images missing": len(missing)}
    if listed.identity_of is not None:
        facts["people"] = len(set(listed.identity_of.values()))
    if listed.groups is not None:
        facts["groups"] = len(set(listed.groups))
    problems = list(listed.notes)
    if missing:
        examples = ", ".join(map(printable, missing[:3]))
        problems.append(f"{len(missing):,} of {len(names):,} images are not there, such as {examples}")
    kind = f"list of pairs ({listed.form})"
    if len(missing) == len(names):
        odd = odd_among(numbered([name for pair in listed.pairs for name in pair]).reshape(-1, 2), listed.is_same)
        return Inspection(str(path), kind, facts, [*problems, *_odd(odd.counts())])
    pairs = listed.found(path.stem, finder.root, allow_missing=True)
    found, broken = look_at(pairs.source, spread(len(pairs.source), most))
    facts |= {"images are in": printable(str(finder.root)), **found}
    problems = [*problems, *broken, *_problems(pairs, find_odd_pairs(pairs).counts())]
    return Inspection(str(path), kind, facts, list(dict.fromkeys(problems)), images=pairs.source)


def _facts(path: Path, is_same: NDArray[np.bool_], fold_of: NDArray[np.int64]) -> dict[str, object]:
    genuine = int(is_same.sum())
    folds = np.unique(fold_of).size
    return {
        "file": megabytes(path),
        "pairs": is_same.size,
        "genuine": genuine,
        "impostor": is_same.size - genuine,
        "folds": folds,
    }


def _problems(pairs: VerificationSet, odd: Mapping[str, int]) -> list[str]:
    """What is wrong with a set, a sentence each."""
    problems = [*pairs.notes, *_odd(odd)]
    try:
        check_benchmark(pairs, pairs.name)
    except DataError as error:
        problems.append(str(error))
    return problems


def _odd(counts: Mapping[str, int]) -> list[str]:
    nouns = {kind: " pair " if number == 1 else " pairs " for kind, number in counts.items()}
    return [in_words({kind: number}).replace(" ", nouns[kind], 1) for kind, number in counts.items()]
