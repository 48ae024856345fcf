"""Which images and identities take part: pure functions of (labels, numbers, seed).

Choices are made per identity from its raw label alone, so adding or removing one identity changes nothing
for the others.
"""

import numpy as np

# Names that keep the draws of different choices apart.
_PICK, _SPLIT, _ROUND, _HOLD_OUT = range(4)


def map_labels(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Maps raw labels, gaps and all, to classes 0..C-1 in ascending order.

    Returns:
        int64 (N,) class of each image, and int64 (C,) raw label of each class.
    """
    label_map, classes = np.unique(labels, return_inverse=True)
    return classes.astype(np.int64), label_map


def select_images(labels: np.ndarray, min_images: int, max_images: int | None, seed: int) -> np.ndarray:
    """Applies the identity rules: drops identities with too few images, thins out those with too many.

    Returns:
        int64 positions of the kept images, ascending.
    """
    classes, label_map = map_labels(labels)
    counts = np.bincount(classes, minlength=label_map.size)
    keep = counts[classes] >= min_images
    if max_images is not None:
        keep &= _random_ranks(labels, seed, _PICK) < max_images
    return np.flatnonzero(keep)


def split_images(labels: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Picks about `fraction` of each identity's images for validation, never its last one.

    The part of an image that a share leaves over is rounded up or down at random, in the right proportion,
    so that identities with few images give their share on average.

    Returns:
        bool (N,), true for validation.
    """
    if fraction == 0:
        return np.zeros(labels.size, bool)
    classes, label_map = map_labels(labels)
    counts = np.bincount(classes, minlength=label_map.size)
    taken = np.floor(counts * fraction + draws(seed, _ROUND, label_map))
    taken = np.minimum(taken, counts - 1)
    return _random_ranks(labels, seed, _SPLIT) < taken[classes]


def split_identities(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Picks `share` of the identities, rounded to whole ones, to be held out altogether.

    Returns:
        bool (N,), true for the images of held-out identities.
    """
    classes, label_map = map_labels(labels)
    held_out = np.zeros(label_map.size, bool)
    order = np.argsort(draws(seed, _HOLD_OUT, label_map), kind="stable")
    held_out[order[: round(share * label_map.size)]] = True
    return held_out[classes]


def _random_ranks(labels: np.ndarray, seed: int, purpose: int) -> np.ndarray:
    """Each image's place, 0.., in a random order of the images of its identity."""
    shuffled = np.lexsort((draws(seed, purpose, labels, _ranks(labels)), labels))
    ranks = np.empty(labels.size, np.int64)
    ranks[shuffled] = _ranks(labels[shuffled])
    return ranks


def _ranks(labels: np.ndarray) -> np.ndarray:
    """Each image's place, 0.., among the images of its identity, in the order given."""
    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order], prepend=labels[order[:1]] - 1))
    lengths = np.diff(starts, append=labels.size)
    ranks = np.empty(labels.size, np.int64)
    ranks[order] = np.arange(labels.size) - np.repeat(starts, lengths)
    return ranks


def draws(seed: int, *names: np.ndarray | int) -> np.ndarray:
    """Uniform float64 in [0, 1) for each combination of integer `names`, broadcast together.

    Counter-based: the finaliser of SplitMix64 (Steele, Lea, Flood 2014) folded over seed and names.
    """
    state = np.asarray(seed, np.int64).astype(np.uint64)
    with np.errstate(over="ignore"):
        for name in (0, *names):
            state = _finalise(state + np.asarray(name, np.int64).astype(np.uint64) + _GOLDEN)
    return (state >> np.uint64(11)) * 2.0**-53


_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _finalise(x: np.ndarray) -> np.ndarray:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
