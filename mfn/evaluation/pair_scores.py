"""Embeddings and pairs to scored pairs."""

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mfn.benchmarks.verification import VerificationSet
from mfn.metrics.bootstrap import linked_identities
from mfn.metrics.scores import cosine

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PairScores:
    """The pairs of a set that could be scored.

    Attributes:
        kept: int64 (P,), which pairs of the set these are.
        rows: int64 (P, 2), rows of the embeddings.
        cosines: float32 (P,).
        is_same: bool (P,).
        fold_of: int64 (P,).
        identities: int64 (P, 2), the people of each pair. Where the set does not name them, images that genuine pairs
            connect are one person, and any other image is a person of its own.
        groups: str (P,) or None.
    """

    kept: NDArray[np.int64]
    rows: NDArray[np.int64]
    cosines: NDArray[np.float32]
    is_same: NDArray[np.bool_]
    fold_of: NDArray[np.int64]
    identities: NDArray[np.int64]
    groups: NDArray[np.str_] | None


def pair_scores(pairs: VerificationSet, positions: NDArray[np.int64], embeddings: NDArray[np.float32]) -> PairScores:
    """Scores the pairs of which both images could be read.

    Args:
        pairs: The verification set.
        positions: Which image each embedding is of, (N,).
        embeddings: (N, D), of unit length.
    """
    row_of = np.full(len(pairs.source), -1)
    row_of[positions] = np.arange(len(positions))
    rows = row_of[pairs.pairs]
    kept = np.flatnonzero((rows >= 0).all(axis=1))
    if len(kept) < len(rows):
        log.warning("%s: %d pairs left out, their images could not be embedded", pairs.name, len(rows) - len(kept))
    identities = identities_of(pairs)
    first, second = (embeddings[rows[kept, side]] for side in (0, 1))
    return PairScores(
        kept=kept,
        rows=rows[kept],
        cosines=cosine(first, second),
        is_same=pairs.is_same[kept],
        fold_of=pairs.fold_of[kept],
        identities=identities[pairs.pairs[kept]],
        groups=None if pairs.groups is None else pairs.groups[kept],
    )


def identities_of(pairs: VerificationSet) -> NDArray[np.int64]:
    """The person each image shows, int64 (N,); where the set does not say it, see `linked_identities`."""
    if pairs.identities is not None:
        return pairs.identities
    return linked_identities(pairs.pairs, pairs.is_same, len(pairs.source))
