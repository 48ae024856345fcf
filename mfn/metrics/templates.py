"""Embeddings of images to embeddings of templates.

A template of IJB-B/C is a person as seen in some media (still images, videos); each medium may have many frames.
"""

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from mfn.errors import DataError
from mfn.metrics.scores import unit

_BLOCK = 1 << 16
"""Rows that are made float64 at a time."""


def pool_templates(
    embeddings: ArrayLike,
    templates: ArrayLike,
    media: ArrayLike,
    weights: ArrayLike | None = None,
    media_pooling: bool = True,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """One embedding of each template, as ``image2template_feature`` of InsightFace's IJB scripts makes it.

    The frames of one medium in a template are averaged, the media of a template are added, the sum is scaled to unit
    length; so a long video does not drown a photo.

    Args:
        embeddings: float (N, D). InsightFace passes raw ones, whose length says how sure the network is; unit-length
            ones make all images count alike.
        templates: Template of each image, int (N,).
        media: Medium of each image, int (N,); the same number in two templates means two media.
        weights: Factor of each image, float (N,); InsightFace uses the detector's score.
        media_pooling: Whether frames of a medium are averaged first; otherwise all images are added.

    Returns:
        Unit-length embeddings, float32 (T, D), and the templates they stand for, int64 (T,), rising.

    Raises:
        DataError: Lengths differ.
    """
    rows, template_of, medium_of = np.asarray(embeddings, np.float32), np.asarray(templates), np.asarray(media)
    if not rows.shape[:1] == template_of.shape == medium_of.shape:
        raise DataError(
            f"each image needs a template and a medium, got {rows.shape}, {template_of.shape} and {medium_of.shape}"
        )
    if weights is not None:
        rows = rows * np.asarray(weights, np.float32)[:, None]
    if media_pooling:
        keys, medium, frames = np.unique(
            np.stack([template_of, medium_of], 1), axis=0, return_inverse=True, return_counts=True
        )
        rows = (sum_rows(rows, medium.ravel(), len(keys)) / frames[:, None]).astype(np.float32)
        template_of = keys[:, 0]
    names, template = np.unique(template_of, return_inverse=True)
    return unit(sum_rows(rows, template, len(names))).astype(np.float32), names


def sum_rows(
    rows: NDArray[np.float32], group: NDArray[np.int64], count: int, *, unit_length: bool = False
) -> NDArray[np.float64]:
    """The sum of the rows of each group, float64 (count, D); of millions of rows no copy is made.

    Args:
        rows: float32 (N, D).
        group: Of each row, 0..count-1, int64 (N,).
        count: Number of groups.
        unit_length: Scale each row to length 1 first.
    """
    total = torch.zeros(count, rows.shape[1], dtype=torch.float64)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        values = torch.from_numpy(np.asarray(unit(block) if unit_length else block, np.float64))
        total.index_add_(0, torch.from_numpy(group[start : start + _BLOCK]), values)
    return total.numpy()
