"""Softmax without a margin: the plain inner product, and the normalised one."""

from typing import TypedDict, Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mfn.heads.base import MarginContext, MarginHead
from mfn.heads.classes import Classes
from mfn.heads.head import Head, HeadOutput, mean_of


class SoftmaxOptions(TypedDict, total=False):
    """Keyword arguments that heads with one centre for each class pass on to ``Head``."""

    init_std: float
    sample_rate: float
    offload: bool


class SoftmaxHead(Head):
    """Cross-entropy of embedding . centre + bias; nothing is normalised.

    Args:
        embedding_dim: Length of an embedding.
        num_classes: Number of identities.
        options: See ``Head``; the biases start at 0.
    """

    of_classes = ("weight", "bias")

    def __init__(self, embedding_dim: int, num_classes: int, **options: Unpack[SoftmaxOptions]) -> None:
        super().__init__(embedding_dim, num_classes, **options)
        self.bias = nn.Parameter(torch.zeros(self.part.end - self.part.first))

    def _logits(self, embeddings: Tensor, classes: Classes) -> Tensor:
        bias = classes.rows_of(self.bias).to(classes.centres.dtype)
        return F.linear(classes.part.shared(embeddings), classes.centres, bias)

    def _output(self, embeddings: Tensor, classes: Classes) -> HeadOutput:
        logits = self._logits(embeddings, classes)
        cosine = classes.cosine_with_target(embeddings.detach())
        return HeadOutput(mean_of(classes.cross_entropy(logits)), cosine, classes.nearest(logits))


class NormalisedSoftmaxHead(MarginHead):
    """Cross-entropy of scale * cos(theta) (NormFace, Wang et al. 2017): a margin head with no margin.

    Args:
        embedding_dim: Length of an embedding.
        num_classes: Number of identities.
        scale: Factor of the cosines; None takes each embedding's own length.
        options: See ``Head``.
    """

    def __init__(
        self, embedding_dim: int, num_classes: int, scale: float | None = 30.0, **options: Unpack[SoftmaxOptions]
    ) -> None:
        super().__init__(embedding_dim, num_classes, scale, **options)

    def target_logit(self, cosine: Tensor, context: MarginContext) -> Tensor:
        """The cosine itself."""
        return cosine
