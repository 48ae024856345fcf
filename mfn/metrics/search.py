"""The rows of a gallery most alike to each probe: exact, in blocks, so that memory stays bounded."""

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from mfn.errors import DataError


def search(
    probes: ArrayLike, gallery: ArrayLike, k: int = 10, probe_block: int = 256, gallery_block: int = 16_384
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The k gallery rows most alike to each probe.

    Args:
        probes: Unit length, float (Q, D).
        gallery: Unit length, float (G, D).
        k: Rows wanted; no more than G come.
        probe_block: Probes scored at a time.
        gallery_block: Gallery rows scored at a time.

    Returns:
        Cosines, float32 (Q, k), falling, and rows of the gallery, int64 (Q, k). Which of several rows of the very same
        score are kept, and in which order, is not specified, but the same every time.

    Raises:
        DataError: Embeddings of different lengths, or an empty gallery.
    """
    asked, rows = (torch.from_numpy(np.ascontiguousarray(side, np.float32)) for side in (probes, gallery))
    if asked.ndim != 2 or rows.ndim != 2 or asked.shape[1] != rows.shape[1] or not len(rows):
        raise DataError(f"probes {tuple(asked.shape)} cannot be searched for in a gallery {tuple(rows.shape)}")
    found = [_search_block(block, rows, k, gallery_block) for block in asked.split(probe_block)]
    return torch.cat([scores for scores, _ in found]).numpy(), torch.cat([row for _, row in found]).numpy()


def _search_block(probes: Tensor, gallery: Tensor, k: int, gallery_block: int) -> tuple[Tensor, Tensor]:
    best, rows = torch.empty(len(probes), 0), torch.empty(len(probes), 0, dtype=torch.int64)
    for start in range(0, len(gallery), gallery_block):
        scores = probes @ gallery[start : start + gallery_block].T
        found, columns = scores.topk(min(k, scores.shape[1]), dim=1)
        best, rows = torch.cat([best, found], 1), torch.cat([rows, columns + start], 1)
        best, order = best.topk(min(k, best.shape[1]), dim=1)
        rows = rows.gather(1, order)
    return best, rows
