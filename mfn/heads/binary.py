"""Heads without a softmax: each class asks by itself whether a face is its own."""

from abc import abstractmethod
from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mfn.heads.classes import Classes
from mfn.heads.head import Head, HeadOutput, output_of
from mfn.heads.softmax import SoftmaxOptions


class BinaryHead(Head):
    """A logistic loss for each pair of embedding and class, summed over the classes.

    Args:
        embedding_dim: Length of an embedding.
        num_classes: Number of identities.
        bias: Where the one bias of all classes starts; it is learnt.
        positive_weight: Factor of the loss with the target.
        negative_weight: Factor of the losses with the other classes.
        options: See ``Head``.
    """

    def __init__(
        self,
        embedding_dim: int,
        num_classes: int,
        bias: float,
        positive_weight: float = 1.0,
        negative_weight: float = 1.0,
        **options: Unpack[SoftmaxOptions],
    ) -> None:
        super().__init__(embedding_dim, num_classes, **options)
        self.bias = nn.Parameter(torch.tensor(bias))
        self.weights = (positive_weight, negative_weight)

    @abstractmethod
    def pair_logits(self, cosine: Tensor, is_target: Tensor) -> Tensor:
        """How sure each class is before the bias, (N, C), of the cosines (N, C); ``is_target`` is bool (N, C)."""

    def _logits(self, embeddings: Tensor, classes: Classes) -> Tensor:
        return self._sure(self._cosines(embeddings, classes), classes)

    def _sure(self, cosines: Tensor, classes: Classes) -> Tensor:
        bias = classes.part.shared(self.bias).to(cosines.dtype)
        return self.pair_logits(cosines.clamp(-1, 1), classes.is_target(cosines)) + bias

    def _output(self, embeddings: Tensor, classes: Classes) -> HeadOutput:
        cosines = self._cosines(embeddings, classes)
        sure = self._sure(cosines, classes)
        positive, negative = self.weights
        others = F.softplus(sure).masked_fill(classes.is_target(sure), 0.0)
        losses = positive * F.softplus(-classes.target_of(sure)) + negative * classes.sum(others)
        return output_of(losses, cosines, classes)
