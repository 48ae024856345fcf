"""Embeddings of a set as a torchmetrics metric, which gathers them over batches and processes."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat


class GatheredEmbeddings(Metric):
    """The embeddings of a set of images, of which each process sees a share.

    Where the processes cannot share images evenly a few are seen twice; each is kept once.
    """

    full_state_update = False
    positions: list[Tensor]
    embeddings: list[Tensor]
    seen: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("positions", default=[], dist_reduce_fx="cat")
        self.add_state("embeddings", default=[], dist_reduce_fx="cat")
        self.add_state("seen", default=torch.tensor(0), dist_reduce_fx="sum")

    def update(self, positions: Tensor, embeddings: Tensor, broken: int = 0) -> None:
        """Takes a batch.

        Args:
            positions: Which image of the set each row is of, int64 (N,).
            embeddings: Float (N, D).
            broken: Images of the batch that could not be decoded and have no row.
        """
        self.positions.append(positions.to(embeddings.device, non_blocking=True))
        self.embeddings.append(embeddings.detach().float())
        self.seen += len(positions) + broken

    def compute(self) -> tuple[NDArray[np.int64], NDArray[np.float32], int]:
        """What all processes have seen.

        Returns:
            Positions, int64 (N,), rising; their embeddings, float32 (N, D); and how many images were seen, those
            that could not be decoded and those seen twice among them.
        """
        positions, rows = np.unique(dim_zero_cat(self.positions).cpu().numpy(), return_index=True)
        return positions, dim_zero_cat(self.embeddings).cpu().numpy()[rows], int(self.seen)
