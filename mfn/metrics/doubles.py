"""People who are there under two numbers, as a network sees them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfn.metrics.comparisons import all_comparisons, threshold_at


def doubles(embeddings: ArrayLike, identities: ArrayLike) -> list[tuple[int, int]]:
    """Pairs of people whose faces are as alike, in the mean of all comparisons, as two faces of one person are.

    That mean must also be above the threshold of a false match rate of 1e-3, so that a network which tells nobody apart
    finds none.

    Args:
        embeddings: Unit length, float (N, D).
        identities: Whom each shows, int (N,).

    Returns:
        Who has more faces and who has fewer, the most alike first.
    """
    rows = np.asarray(embeddings, np.float64)
    names, person = np.unique(np.asarray(identities), return_inverse=True)
    faces, sums = np.bincount(person), np.zeros((len(names), rows.shape[1]))
    np.add.at(sums, person, rows)
    genuine = (faces * (faces - 1)).sum()
    if not genuine or len(names) < 2:
        return []
    within = ((sums**2).sum() - (rows**2).sum()) / genuine
    least = max(within, threshold_at(all_comparisons(rows, person).impostor, 1e-3))
    between: NDArray[np.float64] = np.triu(sums @ sums.T / np.outer(faces, faces), 1)
    first, second = np.nonzero(between >= least)
    order = np.argsort(-between[first, second], kind="stable")
    pairs = zip(first[order].tolist(), second[order].tolist(), strict=True)
    ranked = [(one, two) if faces[one] >= faces[two] else (two, one) for one, two in pairs]
    return [(int(names[more]), int(names[fewer])) for more, fewer in ranked]
