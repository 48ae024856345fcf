"""Verification sets: images and pairs of them to judge an embedding by."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mfn.sources.source import ImageSource
from mfn.sources.subset import Subset


@dataclass(frozen=True, eq=False)
class VerificationSet:
    """A verification benchmark.

    Attributes:
        name: For tables and metric names.
        source: The images.
        pairs: int64 (P, 2), positions in `source`.
        is_same: bool (P,), true for genuine pairs (one person), false for impostor pairs (two).
        fold_of: int64 (P,), the fold each pair is judged in; see `consecutive_folds`.
        identities: int64 (N,), the person each image of `source` shows, where the benchmark says it.
        groups: str (P,), the group each pair counts for, where the benchmark has groups.
        people: The name of each identity number, where the benchmark names them.
        attributes: What the benchmark says of its images, such as ``gender``, str (N,) each, "" where it says nothing.
        missing: Images the benchmark names that were not there; their pairs are not in `pairs`.
        left_out: How many pairs of the benchmark are not in `pairs`, for that or another reason.
        absent_same: bool (M,), the kinds of the pairs left out for missing images, to count them where they are not
            forgotten; none where it is None.
        absent_fold: int64 (M,), the fold of each.
        odd: How many pairs say nothing or say it twice, by kind, see `mfn.benchmarks.odd_pairs`.
        notes: What to know of the figures, a sentence each.
        strict: A broken image is an error, as it must be for a published benchmark; otherwise its pairs are
            left out.
    """

    name: str
    source: ImageSource
    pairs: np.ndarray
    is_same: np.ndarray
    fold_of: np.ndarray
    identities: np.ndarray | None = None
    groups: np.ndarray | None = None
    missing: tuple[str, ...] = ()
    left_out: int = 0
    absent_same: np.ndarray | None = None
    absent_fold: np.ndarray | None = None
    odd: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    strict: bool = True
    people: Mapping[int, str] = field(default_factory=dict)
    attributes: Mapping[str, np.ndarray] = field(default_factory=dict)

    def take(self, chosen: np.ndarray) -> "VerificationSet":
        """The set of some pairs, bool (P,) or positions, with only the images they need."""
        images, pairs = np.unique(self.pairs[chosen], return_inverse=True)
        return dataclasses.replace(
            self,
            source=Subset(self.name, self.source, images),
            pairs=pairs.reshape(-1, 2),
            is_same=self.is_same[chosen],
            fold_of=self.fold_of[chosen],
            identities=None if self.identities is None else self.identities[images],
            groups=None if self.groups is None else self.groups[chosen],
            attributes={name: values[images] for name, values in self.attributes.items()},
        )


def consecutive_folds(num_pairs: int, folds: int) -> np.ndarray:
    """The fold of each pair, int64 (num_pairs,), where folds are stretches of equal length (give or take 1).

    More folds than pairs are as many as there are pairs.
    """
    folds = max(1, min(folds, num_pairs))
    return np.repeat(np.arange(folds), [part.size for part in np.array_split(np.empty(num_pairs, np.int8), folds)])
