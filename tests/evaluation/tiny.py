"""An embedder that costs nothing: a fixed random projection of a few pixels."""

import torch
from torch import Tensor, nn

from mfn.contract import InputContract
from mfn.inference.embedder import FaceEmbedder


class Projection(nn.Module):
    def __init__(self, dim: int, seed: int) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randn(3 * 6 * 6, dim, generator=draw))

    def forward(self, batch: Tensor) -> Tensor:
        return nn.functional.adaptive_avg_pool2d(batch, 6).flatten(1) @ self.weight


def tiny_embedder(size: tuple[int, int] = (48, 48), dim: int = 16, seed: int = 0) -> FaceEmbedder:
    return FaceEmbedder(Projection(dim, seed), InputContract.for_size(*size, embedding_dim=dim))
