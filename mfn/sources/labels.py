"""Identities as a file calls them, in numbers."""

from collections.abc import Sequence

import numpy as np


def labels_of(identities: Sequence[int | str]) -> tuple[np.ndarray, dict[int, str] | None]:
    """Raw labels: the identities themselves where all are numbers, else numbers in the order of the words.

    Returns:
        int64 (N,) label of each, and the word of each label, or None.
    """
    if all(isinstance(identity, int) for identity in identities):
        return np.array(identities, np.int64), None
    words, labels = np.unique([str(identity) for identity in identities], return_inverse=True)
    return labels.astype(np.int64), dict(enumerate(words.tolist()))
