"""Near copies among many images, from their 64-bit hashes: exact, without comparing all with all."""

from itertools import pairwise

import numpy as np

from mfn.errors import ConfigError
from mfn.metrics.components import components


def near_duplicates(hashes: np.ndarray, labels: np.ndarray, distance: int) -> np.ndarray:
    """Groups images of one label whose hashes differ in at most `distance` bits, directly or through others.

    Between identities the hash alone proves little, since aligned faces are laid out alike: among 12,046 of them, the
    two pairs of two people at 2 bits were no copies, all ten at 0 bits were. Use `shared_images` for these.

    Args:
        hashes: uint64 (N,).
        labels: int64 (N,), identity of each image.
        distance: Bits, 0 to 15.

    Returns:
        int64 (N,): the group of each image, numbered by the first image in it.

    Raises:
        ConfigError: `distance` is out of range.
    """
    if not 0 <= distance <= 15:
        raise ConfigError(f"duplicate_distance={distance} must be from 0 to 15 bits")
    # Equal hashes are one node, so that a thousand equal images do not make half a million pairs.
    order = np.lexsort((hashes, labels))
    is_first = np.ones(order.size, bool)
    is_first[1:] = (np.diff(labels[order]) != 0) | (np.diff(hashes[order]) != 0)
    firsts = order[is_first]
    group = components(firsts.size, _close_pairs(hashes[firsts], labels[firsts], distance))
    nodes = np.empty(order.size, np.int64)
    nodes[order] = np.cumsum(is_first) - 1
    _, first, inverse = np.unique(group[nodes], return_index=True, return_inverse=True)
    return first[inverse]


def shared_images(hashes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Finds images whose very hash occurs under another label too.

    Args:
        hashes: uint64 (N,).
        labels: int64 (N,).

    Returns:
        bool (N,).
    """
    pairs = np.unique(np.stack([hashes, labels.astype(np.uint64)], axis=1), axis=0)
    values, labels_each = np.unique(pairs[:, 0], return_counts=True)
    return np.isin(hashes, values[labels_each > 1])


def _close_pairs(hashes: np.ndarray, labels: np.ndarray, distance: int) -> np.ndarray:
    """int64 (P, 2), all pairs of one label within `distance`; a pair may repeat.

    Where d bits differ, at least one of d + 1 stretches of the hash is equal in both, so only images that share a
    stretch are compared: sorted by stretch, each with its neighbour 1, 2, ... places on, as long as that shares it.
    """
    found = [np.empty((0, 2), np.int64)]
    for low, high in pairwise(np.linspace(0, 64, distance + 2).round().astype(int).tolist()):
        stretch = (hashes >> np.uint64(low)) & np.uint64(2 ** (high - low) - 1)
        order = np.lexsort((stretch, labels))
        bucket = np.zeros(order.size, np.int64)
        bucket[1:] = np.cumsum((np.diff(labels[order]) != 0) | (np.diff(stretch[order]) != 0))
        ordered = hashes[order]
        at, step = np.arange(hashes.size), 1
        while (at := at[: np.searchsorted(at, hashes.size - step)]).size:
            at = at[bucket[at] == bucket[at + step]]
            near = at[np.bitwise_count(ordered[at] ^ ordered[at + step]) <= distance]
            found.append(np.stack([order[near], order[near + step]], axis=1))
            step += 1
    return np.concatenate(found)
