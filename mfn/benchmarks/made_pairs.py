"""Verification pairs made from any identities."""

import dataclasses
from pathlib import Path
from typing import Literal, TypedDict, Unpack

import numpy as np

from mfn.benchmarks.odd_pairs import settled
from mfn.benchmarks.paired_files import FOLDS, folds_by_kind
from mfn.benchmarks.pairs import pairs_from_identities
from mfn.benchmarks.root import checked_numbers
from mfn.benchmarks.verification import VerificationSet
from mfn.errors import ConfigError
from mfn.sources.identities import select_images
from mfn.sources.open_faces import open_faces
from mfn.sources.source import FaceSource
from mfn.sources.subset import Subset

_MOST_PAIRS = 20_000_000


class PairOptions(TypedDict, total=False):
    """The options of `pairs_from_source`."""

    sampling: Literal["balanced", "by_person"]
    folds: int
    pairs_per_fold: int
    num_person: int | None
    num_sample: int
    seed: int
    name: str | None


def make_pairs(root: str | Path, **options: Unpack[PairOptions]) -> VerificationSet:
    """Makes pairs of the people under `root`; see `open_faces` and, for the options, `pairs_from_source`."""
    return pairs_from_source(open_faces(root, "benchmark.root"), **options)


def pairs_from_source(
    source: FaceSource,
    *,
    sampling: Literal["balanced", "by_person"] = "balanced",
    folds: int = FOLDS,
    pairs_per_fold: int = 600,
    num_person: int | None = None,
    num_sample: int = 20,
    seed: int = 0,
    name: str | None = None,
) -> VerificationSet:
    """Makes pairs, seeded, without pairs of an image with itself and without repeats.

    Two images of the same content are one image: the pairs that this costs are counted.

    Args:
        source: Images with their identities.
        sampling: "balanced" draws as many genuine as impostor pairs, spread over the identities; "by_person" takes a
            number of images of a number of persons and every pair they make.
        folds: Of the set, equal stretches of the genuine and of the impostor pairs.
        pairs_per_fold: Balanced only: pairs in a fold, even.
        num_person: by_person only: persons drawn from those with `num_sample` images; None takes all.
        num_sample: by_person only: images of each person, drawn where there are more.
        seed: Of all draws.
        name: Of the set; by default the source's own.

    Returns:
        A set that is not strict, its source holding just the images it needs.

    Raises:
        ConfigError: A value out of range.
        DataError: The images make too few pairs.
    """
    if sampling not in ("balanced", "by_person"):
        raise ConfigError(f"sampling={sampling!r} is not known: take balanced or by_person")
    checked_numbers(2, folds=folds, pairs_per_fold=pairs_per_fold, num_person=num_person, num_sample=num_sample)
    checked_numbers(0, seed=seed)
    if sampling == "balanced":
        if pairs_per_fold % 2:
            raise ConfigError(f"pairs_per_fold={pairs_per_fold} must be even, half genuine and half impostor")
        pairs, is_same = pairs_from_identities(source.labels, folds * pairs_per_fold, seed)
    else:
        pairs, is_same = _by_person(source.labels, num_person, num_sample, seed)
    name = name or source.name
    used, renumbered = np.unique(pairs, return_inverse=True)
    made = VerificationSet(
        name,
        Subset(name, source, used),
        renumbered.reshape(-1, 2),
        is_same,
        folds_by_kind(is_same, folds),
        identities=source.labels[used],
        strict=False,
        people=source.label_names or {},
    )
    kept = settled(made, keep=False)
    return dataclasses.replace(kept, fold_of=folds_by_kind(kept.is_same, folds))


def _by_person(labels: np.ndarray, num_person: int | None, num_sample: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Every pair of the images drawn, genuine ones first: int64 (P, 2) and bool (P,)."""
    images = select_images(labels, num_sample, num_sample, seed)
    people = np.unique(labels[images])
    wanted = people.size if num_person is None else num_person
    if not 2 <= wanted <= people.size:
        raise ConfigError(
            f"num_person={num_person} must be from 2 to {people.size}, the persons with num_sample={num_sample} images"
        )
    total = wanted * num_sample
    if total * (total - 1) // 2 > _MOST_PAIRS:
        raise ConfigError(f"{wanted} persons of {num_sample} images make over {_MOST_PAIRS} pairs: lower num_person")
    chosen = np.random.default_rng(seed).choice(people, wanted, replace=False)
    images = images[np.isin(labels[images], chosen)]
    first, second = np.triu_indices(images.size, 1)
    pairs = np.stack([images[first], images[second]], axis=1)
    is_same = labels[pairs[:, 0]] == labels[pairs[:, 1]]
    order = np.argsort(~is_same, kind="stable")
    return pairs[order], is_same[order]
