"""Connected components of a graph."""

import numpy as np
from numpy.typing import NDArray


def components(size: int, links: NDArray[np.int64]) -> NDArray[np.int64]:
    """Gives the same number to all nodes that links connect, directly or through others.

    Args:
        size: Number of nodes.
        links: Nodes that belong together, 0..size-1, int64 (L, 2).

    Returns:
        The lowest node of each one's component, int64 (size,).
    """
    group = np.arange(size)
    first, second = links.T
    while True:
        lowest = group.copy()
        np.minimum.at(lowest, first, group[second])
        np.minimum.at(lowest, second, group[first])
        lowest = lowest[lowest]
        if np.array_equal(lowest, group):
            return group
        group = lowest
