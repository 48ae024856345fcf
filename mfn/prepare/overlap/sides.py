"""The two sets that are looked at: a training set, and a benchmark of any form, as images with their people."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mfn.benchmarks.benchmark import read_at
from mfn.benchmarks.places import PACKS, files_of, list_folders, lists_at
from mfn.benchmarks.verification import VerificationSet
from mfn.errors import DataError
from mfn.metrics.bootstrap import linked_identities
from mfn.packs.pack_files import find_pack, packs_in
from mfn.sources.open_faces import open_faces
from mfn.sources.source import FaceSource, ImageSource, names_of
from mfn.text import printable


@dataclass(frozen=True)
class Side:
    """One of the two sets.

    Attributes:
        name: For people.
        source: Its images.
        people: Who is on each image, int64 (N,).
        people_names: What each is called.
        names: What each image is called.
        notes: What to know of it, a sentence each.
    """

    name: str
    source: ImageSource
    people: NDArray[np.int64]
    people_names: Mapping[int, str]
    names: list[str]
    notes: tuple[str, ...] = ()

    @property
    def people_count(self) -> int:
        """How many people there are."""
        return np.unique(self.people).size


def training_side(place: Path) -> Side:
    """A training set of any kind that mfn trains on.

    Raises:
        DataError: There is none at the place.
    """
    return _of_faces(open_faces(place, "PACK"))


def benchmark_side(place: Path, name: str | None = None) -> Side:
    """A benchmark: pairs in any form, or people in folders or a pack.

    Pairs of images that are not there are left out. Where a set of pairs does not name its people, images that genuine
    pairs link are one person.

    Args:
        place: A file, or a folder.
        name: Of the set in it, as ``lfw``; without, the folder's own name and then ``lfw`` are tried.

    Raises:
        DataError: There is nothing of it at the place.
    """
    if place.is_file() and find_pack(place) is None:
        return _of_pairs(read_at(place, name or printable(place.stem), "file", True, None, "keep"))
    if name is not None:
        return _of_pairs(read_at(place, name, name, True, None, "keep"))
    tried = list(dict.fromkeys((place.resolve().name.lower(), "lfw")))
    for guess in tried:
        if _may_hold(place, guess):
            return _of_pairs(read_at(place, guess, guess, True, None, "keep"))
    return _of_faces(open_faces(place, "BENCHMARK"))


def _may_hold(place: Path, name: str) -> bool:
    """Whether a folder looks like a set of pairs, rather than like people in folders."""
    if not place.is_dir() or packs_in(place):
        return False
    folders = list_folders(name, place)
    packs = [pack for folder in folders for pack in files_of(folder, *(form.format(name) for form in PACKS))]
    return bool(packs or lists_at(folders)) or (place / "Protocol").is_dir()


def _of_faces(source: FaceSource) -> Side:
    people = np.asarray(source.labels, np.int64)
    if not people.size:
        raise DataError(f"{source.name} holds no image: give another place")
    called = source.label_names or {}
    named = {label: printable(called.get(label, str(label))) for label in np.unique(people).tolist()}
    return Side(printable(source.name), source, people, named, [printable(name) for name in names_of(source)])


def _of_pairs(pairs: VerificationSet) -> Side:
    people = pairs.identities
    notes = [*pairs.notes]
    if people is None:
        people = linked_identities(pairs.pairs, pairs.is_same, len(pairs.source))
        notes.append("the set does not name its people: images that genuine pairs link were taken for one person")
    if pairs.missing:
        notes.append(f"{len(pairs.missing):,} of its images were not there and were not looked for")
    names = [printable(name) for name in names_of(pairs.source)]
    numbers, first = np.unique(people, return_index=True)
    called = {
        int(number): printable(pairs.people.get(int(number), "")) or _person_of(names[row])
        for number, row in zip(numbers, first, strict=True)
    }
    side = Side(pairs.name, pairs.source, np.asarray(people, np.int64), called, names)
    return dataclasses.replace(side, notes=tuple(notes))


def _person_of(image: str) -> str:
    """The folder of a picture, which names the person in most sets; the picture itself where there is none."""
    above = Path(image).parent.name
    return above or image
