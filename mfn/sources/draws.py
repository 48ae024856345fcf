"""Random numbers as a function of names, so that a choice for one item never depends on the others."""

import numpy as np


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
