"""How many people are enough to judge on."""

import numpy as np

from mfn.benchmarks.pairs import possible_pairs
from mfn.sources.identities import split_identities

_USUAL, _ENOUGH = 0.02, 20
_FEWEST_PAIRS = 10
"""Genuine, and impostor, pairs: one for each of ten folds."""


def held_out_share(labels: np.ndarray, seed: int) -> float:
    """The share of the identities to hold out where nobody says it.

    Of large sets it is 2 %, of smaller ones 20 people but no more than a quarter, and of tiny ones as many as make a
    pair of each kind for each of ten folds, up to half of them; 0 where even these do not.

    Args:
        labels: int64 (N,), identity of each image.
        seed: Of the choice of people.
    """
    people = np.unique(labels).size
    count = max(round(_USUAL * people), min(_ENOUGH, people // 4), 1)
    most = people // 2
    while count <= most:
        share = count / people
        if min(possible_pairs(labels[split_identities(labels, share, seed)])) >= _FEWEST_PAIRS:
            return share
        if count == most:
            break
        count = min(2 * count, most)
    return 0.0
