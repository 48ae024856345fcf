"""Faces that lie around a centre of their own among several of their class: these are likely labelled wrongly."""

import numpy as np
from numpy.typing import NDArray


def angles_to_dominant(
    cosines: NDArray[np.float32], labels: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """How far each face is from the centre that most faces of its class are nearest to.

    Deng et al. 2020, "Sub-center ArcFace", section 3.3, call it the dominant centre.

    Args:
        cosines: Of each face with the K centres of its class, float32 (N, K).
        labels: Class of each face, int64 (N,).

    Returns:
        Angles to the dominant centre in degrees, float32 (N,); the dominant centre of each face's class and the one
        nearest to the face, int64 (N,), 0..K-1.
    """
    nearest = cosines.argmax(axis=1)
    classes, row = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(classes), cosines.shape[1]), np.int64)
    np.add.at(counts, (row, nearest), 1)
    dominant = counts.argmax(axis=1)[row]
    chosen = np.take_along_axis(cosines, dominant[:, None], axis=1)[:, 0]
    return np.degrees(np.arccos(np.clip(chosen, -1, 1))).astype(np.float32), dominant, nearest
