"""Images that do not look like their identity, and identities that look like one person: pure functions of embeddings.

Embeddings are float32 (N, D) of unit length; labels are int64 (N,).
"""

from dataclasses import dataclass

import numpy as np

from mfn.metrics.components import components
from mfn.metrics.identification import centroids
from mfn.metrics.scores import unit
from mfn.metrics.templates import sum_rows

_BLOCK = 2048


@dataclass(frozen=True, slots=True)
class SimilarIdentities:
    """Pairs of identities, the most alike first.

    Attributes:
        pairs: int64 (P, 2), labels, the lower one first.
        scores: float32 (P,), cosine of the two centres.
    """

    pairs: np.ndarray
    scores: np.ndarray


def centre_scores(embeddings: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How much each image looks like the other images of its identity.

    Returns:
        float32 (N,), cosine to the mean direction of the others, so that an image does not vouch for itself; NaN for
        an identity's only image.
    """
    present, inverse = np.unique(labels, return_inverse=True)
    sums = sum_rows(embeddings, inverse, present.size)
    scores = np.empty(labels.size, np.float32)
    for start in range(0, labels.size, _BLOCK):
        own = embeddings[start : start + _BLOCK]
        others = unit(sums[inverse[start : start + _BLOCK]] - own)
        scores[start : start + _BLOCK] = np.einsum("nd,nd->n", others, own)
    scores[np.bincount(inverse)[inverse] == 1] = np.nan
    return scores


def nearest_centre(embeddings: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Finds whom the images at `rows` look like among all other identities.

    Returns:
        int64 (R,) labels and float32 (R,) cosines; -1 and NaN where there is no other identity.
    """
    directions, present = centroids(embeddings, labels)
    nearest, cosines = np.full(rows.size, -1, np.int64), np.full(rows.size, np.nan, np.float32)
    if present.size < 2:
        return nearest, cosines
    for start in range(0, rows.size, _BLOCK):
        part = rows[start : start + _BLOCK]
        alike = embeddings[part] @ directions.T
        alike[labels[part][:, None] == present] = -np.inf
        best = alike.argmax(axis=1)
        nearest[start : start + _BLOCK] = present[best]
        cosines[start : start + _BLOCK] = alike[np.arange(part.size), best]
    return nearest, cosines


def similar_identities(embeddings: np.ndarray, labels: np.ndarray, threshold: float) -> SimilarIdentities:
    """Pairs of identities whose centres have a cosine of at least `threshold`; memory grows with C alone."""
    directions, present = centroids(embeddings, labels)
    pairs, scores = [np.empty((0, 2), np.int64)], [np.empty(0, np.float32)]
    for start in range(0, present.size, _BLOCK):
        alike = directions[start : start + _BLOCK] @ directions[start:].T
        first, second = np.nonzero(np.triu(alike >= threshold, 1))
        pairs.append(present[start + np.stack([first, second], axis=1)])
        scores.append(alike[first, second])
    found = np.concatenate(scores)
    order = np.argsort(-found, kind="stable")
    return SimilarIdentities(np.concatenate(pairs)[order], found[order])


def merged(labels: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Gives the identities of each pair, directly or through others, the label of the one with the most images.

    Args:
        labels: int64 (N,).
        pairs: int64 (P, 2), labels that are one person.

    Returns:
        int64 (N,).
    """
    present, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    group = components(present.size, np.searchsorted(present, pairs))
    largest_last = np.lexsort((-present, counts))
    chosen = np.empty(present.size, np.int64)
    chosen[group[largest_last]] = present[largest_last]
    return chosen[group][inverse]
