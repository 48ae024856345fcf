"""Softmax without a margin: the plain inner product, and the normalised one."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mfn.heads.base import MarginContext, MarginHead
from mfn.heads.head import Head, HeadOutput


class SoftmaxHead(Head):
    """Cross-entropy of embedding . centre + bias; nothing is normalised.

    Args:
        embedding_dim: Length of an embedding.
        num_classes: Number of identities.
        init_std: Standard deviation of the initial centres; the biases start at 0.
    """

    def __init__(self, embedding_dim: int, num_classes: int, init_std: float = 0.01) -> None:
        super().__init__(embedding_dim, num_classes, init_std)
        self.bias = nn.Parameter(torch.zeros(num_classes))

    def _logits(self, embeddings: Tensor, centres: Tensor, labels: Tensor) -> Tensor:
        return F.linear(embeddings, centres, self.bias.to(centres.dtype))

    def _output(self, embeddings: Tensor, centres: Tensor, labels: Tensor) -> HeadOutput:
        logits = self._logits(embeddings, centres, labels)
        cosine = F.cosine_similarity(embeddings.detach(), centres.detach()[labels])
        return HeadOutput(F.cross_entropy(logits, labels), cosine, logits.detach().argmax(dim=1))


class NormalisedSoftmaxHead(MarginHead):
    """Cross-entropy of scale * cos(theta) (NormFace, Wang et al. 2017): a margin head with no margin.

    Args:
        embedding_dim: Length of an embedding.
        num_classes: Number of identities.
        scale: Factor of the cosines; None takes each embedding's own length.
        init_std: Standard deviation of the initial centres.
    """

    def __init__(
        self, embedding_dim: int, num_classes: int, scale: float | None = 30.0, init_std: float = 0.01
    ) -> None:
        super().__init__(embedding_dim, num_classes, scale, init_std=init_std)

    def target_logit(self, cosine: Tensor, context: MarginContext) -> Tensor:
        """The cosine itself."""
        return cosine
