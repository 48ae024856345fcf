"""No head: the network learns from a teacher alone, and labels do not matter."""

import torch
from torch import Tensor, nn

from mfn.heads.head import HeadOutput


class NoHead(nn.Module):
    """A loss of 0.

    Args:
        embedding_dim: Length of an embedding; nothing here depends on it.
        num_classes: Number of identities; likewise.
    """

    needs_teacher = True

    def __init__(self, embedding_dim: int, num_classes: int) -> None:
        super().__init__()

    def at_step(self, step: int, total_steps: int = 1) -> None:
        """As ``Head.at_step``."""

    def forward(self, embeddings: Tensor, labels: Tensor) -> HeadOutput:
        """As ``Head.forward``; nobody is recognised."""
        nobody = torch.zeros(len(labels), device=embeddings.device)
        return HeadOutput(0.0 * embeddings.float().sum(), nobody, torch.full_like(labels, -1))
