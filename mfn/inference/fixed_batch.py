"""Any number of images through a network that takes a fixed number."""

from collections.abc import Callable

import numpy as np


def in_fixed_batches(run: Callable[[np.ndarray], np.ndarray], images: np.ndarray, batch: int | None) -> np.ndarray:
    """Runs a network on stretches of `batch` images, the last one filled up with zeros that are cut off again.

    Args:
        run: (batch, ...) to (batch, ...).
        images: (N, ...).
        batch: What the network takes; None: any number.

    Returns:
        (N, ...).
    """
    if batch is None or batch == len(images):
        return run(images)
    whole = -(-len(images) // batch) * batch
    padded = np.concatenate([images, np.zeros((whole - len(images), *images.shape[1:]), images.dtype)])
    # Copied, since a runtime may hand out the same buffer for each run
    return np.concatenate([run(padded[at : at + batch]).copy() for at in range(0, whole, batch)])[: len(images)]
