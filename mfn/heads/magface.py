"""MagFace: the length of an embedding learns to be its quality (Meng et al. 2021, https://arxiv.org/abs/2103.06627)."""

import math
from typing import Unpack

import torch
from torch import Tensor

from mfn.heads.base import MarginContext, MarginHead, MarginOptions
from mfn.heads.classes import Classes
from mfn.heads.functional import arcface_target
from mfn.heads.head import HeadOutput, check_range, mean_of


class MagFaceHead(MarginHead):
    """Target logit scale * cos(theta + m(a)) and a penalty on short embeddings (eq. 5 and 6).

    a is an embedding's length, held in [shortest, longest]; m rises linearly over it; g(a) = a / longest^2 + 1 / a
    is added ``penalty`` times.

    Args:
        embedding_dim: Length of an embedding.
        num_classes: Number of identities.
        scale: Factor of the cosines; None takes each embedding's own length.
        margin_low: m of the shortest, radians.
        margin_high: m of the longest.
        shortest: Length from which m rises.
        longest: Length up to which it does.
        penalty: Factor of the mean of g.
        options: See ``MarginHead``.
    """

    def __init__(
        self,
        embedding_dim: int,
        num_classes: int,
        scale: float | None = 64.0,
        margin_low: float = 0.45,
        margin_high: float = 0.8,
        shortest: float = 10.0,
        longest: float = 110.0,
        penalty: float = 35.0,
        **options: Unpack[MarginOptions],
    ) -> None:
        super().__init__(embedding_dim, num_classes, scale, **options)
        check_range("margin_low", margin_low, 0, math.pi / 2)
        check_range("margin_high", margin_high, margin_low, math.pi / 2)
        check_range("shortest", shortest, 1e-3, 1e6)
        check_range("longest", longest, shortest * 1.001, 1e6)
        check_range("penalty", penalty, 0, 1e6)
        self.margins, self.lengths, self.penalty = (margin_low, margin_high), (shortest, longest), penalty

    def target_logit(self, cosine: Tensor, context: MarginContext) -> Tensor:
        """cos(theta + m(a)); its gradient reaches the length."""
        (low, high), (shortest, longest) = self.margins, self.lengths
        slope = (high - low) / (longest - shortest)
        margin = low + slope * (context.norms.clamp(shortest, longest) - shortest)
        return arcface_target(cosine, margin * context.share, continued=not self.straight_through)

    def _output(self, embeddings: Tensor, classes: Classes) -> HeadOutput:
        output = super()._output(embeddings, classes)
        lengths = torch.linalg.vector_norm(embeddings, dim=1).clamp(*self.lengths)
        g = lengths / self.lengths[1] ** 2 + lengths.reciprocal()
        return output._replace(loss=output.loss + self.penalty * mean_of(g))
