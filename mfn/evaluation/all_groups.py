"""Groups over every comparison of a set's images, where its list of pairs is too short for low rates."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mfn.benchmarks.verification import VerificationSet
from mfn.errors import DataError
from mfn.evaluation.groupings import Grouping
from mfn.metrics.all_tally import cells_tally
from mfn.metrics.comparisons import MOST_IMAGES, all_comparisons
from mfn.metrics.group_rates import GroupRates, group_rates
from mfn.metrics.group_tally import Tally

PairCut = Callable[[NDArray[np.int64]], Grouping]
"""Pairs of positions in a set, int (P, 2), to the groups they are in."""


@dataclass(frozen=True, slots=True)
class AllImages:
    """The images of a set that are compared, all unless there are too many.

    Attributes:
        chosen: Of the embeddings, int64 (C,).
        rows: Their embeddings, of unit length, float32 (C, D).
        people: Whom each shows, int64 (C,).
        places: Where each is in the set, int64 (C,).
        impostors: How many impostor comparisons have a cosine in each of equal bins.
    """

    chosen: NDArray[np.int64]
    rows: NDArray[np.float32]
    people: NDArray[np.int64]
    places: NDArray[np.int64]
    impostors: NDArray[np.int64]


def all_images(pairs: VerificationSet, positions: NDArray[np.int64], embeddings: NDArray[np.float32]) -> AllImages:
    """The images that are compared with one another.

    Args:
        pairs: The set.
        positions: Which image each embedding is of, (N,).
        embeddings: (N, D), of unit length.

    Raises:
        DataError: The set does not say who is who.
    """
    if pairs.identities is None:
        raise DataError(nobody_named(pairs.name))
    chosen = np.arange(len(positions))
    if len(chosen) > MOST_IMAGES:
        chosen = np.sort(np.random.default_rng(0).choice(len(chosen), MOST_IMAGES, replace=False))
    rows, people = embeddings[chosen], pairs.identities[positions][chosen]
    return AllImages(chosen, rows, people, positions[chosen], all_comparisons(rows, people).impostor)


def rates_of_cut(images: AllImages, cut: PairCut, threshold: float) -> tuple[str, Tally, GroupRates]:
    """What groups are by, and the rates of groups of pairs, such as relatives and the others, without intervals."""
    empty = cut(np.empty((0, 2), np.int64))
    _, person = np.unique(images.people, return_inverse=True)
    seen = np.zeros((len(empty.names) + 1, person.max(initial=0) + 1), bool)

    def cells(pairs: NDArray[np.int64]) -> NDArray[np.int64]:
        codes = cut(images.places[pairs]).codes
        for side in pairs.T:
            seen[codes, person[side]] = True
        return codes

    tally = cells_tally(images.rows, images.people, cells, len(empty.names), threshold)
    return empty.by, tally, group_rates(tally, empty.names, seen[:-1].sum(axis=1), len(empty.names), seen.shape[1])


def nobody_named(name: str) -> str:
    """What is to be said where a set that does not name its people is to be compared in full."""
    return f"{name} does not say who is who, so that not all its images can be compared: take groups.comparisons=pairs"
