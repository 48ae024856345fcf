"""Losses over the pairs and triplets of a batch, from pytorch-metric-learning, with the interface of a head."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from mfn.heads.functional import cosines
from mfn.heads.head import HeadOutput
from mfn.heads.part import held_part, rows_of_all


class MetricLearningHead(nn.Module):
    """A loss of pytorch-metric-learning, and a miner that says which pairs or triplets count.

    There are no class centres; several processes put their embeddings together. A batch must hold several images of a
    person (``data.per_identity``): the target cosine is the mean one with the other images of the same class, and an
    image is taken for the class of the nearest other image.

    Args:
        embedding_dim: Length of an embedding.
        num_classes: Number of identities.
        loss: Takes embeddings, labels and what the miner found.
        miner: Takes embeddings and labels; None lets everything count.
    """

    learns_from_pairs = True

    def __init__(
        self,
        embedding_dim: int,
        num_classes: int,
        loss: Callable[[Tensor, Tensor, Any], Tensor],
        miner: Callable[[Tensor, Tensor], Any] | None = None,
    ) -> None:
        super().__init__()
        self.loss = loss
        self.miner = miner
        self.part = held_part(num_classes)

    def at_step(self, step: int, total_steps: int = 1) -> None:
        """As ``Head.at_step``; nothing here depends on it."""

    def forward(self, embeddings: Tensor, labels: Tensor) -> HeadOutput:
        """As ``Head.forward``."""
        with torch.autocast(embeddings.device.type, enabled=False):
            embeddings = embeddings.to(torch.promote_types(embeddings.dtype, torch.float32))
            embeddings, labels, own, _ = rows_of_all(self.part, embeddings, labels.to(embeddings.device))
            if not len(labels):  # every image of this step was broken
                return HeadOutput(embeddings.sum(), embeddings.detach().sum(1), labels)
            found = None if self.miner is None else self.miner(embeddings, labels)
            loss = self.loss(embeddings, labels, found)
            alike = cosines(embeddings.detach(), embeddings.detach())
        itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        same = (labels[:, None] == labels) & ~itself
        target = (alike * same).sum(1) / same.sum(1).clamp_min(1)
        predicted = labels[alike.masked_fill(itself, -2.0).argmax(dim=1)]
        return HeadOutput(loss, target[own], predicted[own])
