"""Heads without a softmax: each class asks by itself whether a face is its own."""

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mfn.heads.head import Head, HeadOutput, output_of


class BinaryHead(Head):
    """A logistic loss for each pair of embedding and class, summed over the classes.

    Args:
        embedding_dim: Length of an embedding.
        num_classes: Number of identities.
        bias: Where the one bias of all classes starts; it is learnt.
        positive_weight: Factor of the loss with the target.
        negative_weight: Factor of the losses with the other classes.
        init_std: See ``Head``.
    """

    def __init__(
        self,
        embedding_dim: int,
        num_classes: int,
        bias: float,
        positive_weight: float = 1.0,
        negative_weight: float = 1.0,
        init_std: float = 0.01,
    ) -> None:
        super().__init__(embedding_dim, num_classes, init_std)
        self.bias = nn.Parameter(torch.tensor(bias))
        self.weights = (positive_weight, negative_weight)

    @abstractmethod
    def pair_logits(self, cosine: Tensor, is_target: Tensor) -> Tensor:
        """How sure each class is before the bias, (N, C), of the cosines (N, C); ``is_target`` is bool (N, C)."""

    def _logits(self, embeddings: Tensor, centres: Tensor, labels: Tensor) -> Tensor:
        return self._sure(self._cosines(embeddings, centres), labels)

    def _sure(self, cosines: Tensor, labels: Tensor) -> Tensor:
        is_target = torch.zeros_like(cosines, dtype=torch.bool).scatter_(1, labels[:, None], True)
        return self.pair_logits(cosines.clamp(-1, 1), is_target) + self.bias.to(cosines.dtype)

    def _output(self, embeddings: Tensor, centres: Tensor, labels: Tensor) -> HeadOutput:
        cosines, column = self._cosines(embeddings, centres), labels[:, None]
        sure = self._sure(cosines, labels)
        positive, negative = self.weights
        losses = positive * F.softplus(-sure.gather(1, column)).squeeze(1)
        losses = losses + negative * F.softplus(sure).scatter(1, column, 0.0).sum(dim=1)
        return output_of(losses, cosines, labels)
