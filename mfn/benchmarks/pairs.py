"""Drawing genuine (one person) and impostor (two persons) pairs from labelled images."""

import numpy as np

from mfn.errors import DataError


def possible_pairs(labels: np.ndarray) -> tuple[int, int]:
    """How many different genuine and impostor pairs the images of `labels` make."""
    counts = np.unique(labels, return_counts=True)[1].astype(np.int64)
    genuine = int((counts * (counts - 1) // 2).sum())
    return genuine, labels.size * (labels.size - 1) // 2 - genuine


def pairs_from_identities(labels: np.ndarray, num_pairs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws half genuine and half impostor pairs, alternating, so that every run of them is balanced.

    No image is paired with itself and no pair repeats. Genuine pairs are spread over the identities as
    evenly as their images allow; impostor pairs are uniform over all pairs of two identities.

    Args:
        labels: int (N,), identity of each image.
        num_pairs: Even number of pairs.
        seed: Of the draw.

    Returns:
        int64 (num_pairs, 2) positions in `labels`, the lower one first, and bool (num_pairs,).

    Raises:
        DataError: The images do not make that many different pairs.
    """
    half = num_pairs // 2
    genuine, impostor = possible_pairs(labels)
    if num_pairs % 2 or half < 1:
        raise DataError(f"{num_pairs} pairs cannot be half genuine and half impostor: ask for an even number")
    if half > min(genuine, impostor):
        raise DataError(
            f"{labels.size} images make {genuine} genuine and {impostor} impostor pairs, fewer than the "
            f"{half} of each that {num_pairs} pairs need"
        )
    rng = np.random.default_rng(seed)
    pairs = np.empty((half, 2, 2), np.int64)
    pairs[:, 0] = _genuine(labels, half, rng)
    pairs[:, 1] = _impostors(labels, half, rng)
    return pairs.reshape(-1, 2), np.tile([True, False], half)


def _genuine(labels: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draws rounds of one new pair from every identity that has one left, until there are enough."""
    order = np.argsort(labels, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
    available = np.array([images.size * (images.size - 1) // 2 for images in members])
    rounds = np.searchsorted(np.cumsum(_pairs_per_round(available)), count) + 1
    drawn, drawn_round = [], []
    for images, total in zip(members, available.tolist(), strict=True):
        ranks = rng.choice(total, size=min(total, int(rounds)), replace=False) if total else []
        first, second = (side[ranks] for side in np.triu_indices(images.size, 1))
        drawn.append(np.stack([images[first], images[second]], axis=1))
        drawn_round.append(np.arange(len(ranks)))
    pairs, in_round = np.concatenate(drawn), np.concatenate(drawn_round)
    chosen = np.lexsort((rng.random(in_round.size), in_round))[:count]
    return rng.permutation(pairs[chosen])


def _pairs_per_round(available: np.ndarray) -> np.ndarray:
    """How many identities still have a pair in round 0, 1, ..."""
    return available.size - np.cumsum(np.bincount(available))[:-1]


def _impostors(labels: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draws pairs until enough different ones show two identities."""
    codes = np.empty(0, np.int64)
    while codes.size < count:
        first, second = np.sort(rng.integers(labels.size, size=(2, 2 * count + 100)), axis=0)
        new = (first * labels.size + second)[labels[first] != labels[second]]
        codes = np.concatenate([codes, new])
        codes = codes[np.sort(np.unique(codes, return_index=True)[1])]
    return np.stack(np.divmod(codes[:count], labels.size), axis=1)
