"""AdaFace: the margin follows the quality of the image (Kim et al. 2022, https://arxiv.org/abs/2204.00964)."""

import math
from typing import Unpack

import torch
from torch import Tensor

from mfn.heads.base import MarginContext, MarginHead, MarginOptions
from mfn.heads.functional import angle
from mfn.heads.head import check_range

_LONGEST, _SHORTEST = 100.0, 0.001


class AdaFaceHead(MarginHead):
    """Target logit scale * (cos(theta - margin * z) - margin * (1 + z)) (eq. 12 and 13).

    z in [-1, 1] says how long an embedding is among those seen lately; a long one comes from a clear image. Lengths
    act as they are, without a gradient.

    Args:
        embedding_dim: Length of an embedding.
        num_classes: Number of identities.
        scale: Factor of the cosines; None takes each embedding's own length.
        margin: m, in radians and in cosine.
        concentration: h, how many z there are to a standard deviation of the lengths.
        momentum: Share of the new batch in the running mean and deviation of the lengths.
        options: See ``MarginHead``.
    """

    norm_mean: Tensor
    norm_std: Tensor

    def __init__(
        self,
        embedding_dim: int,
        num_classes: int,
        scale: float | None = 64.0,
        margin: float = 0.4,
        concentration: float = 0.333,
        momentum: float = 0.01,
        **options: Unpack[MarginOptions],
    ) -> None:
        super().__init__(embedding_dim, num_classes, scale, **options)
        check_range("margin", margin, 0, math.pi / 2)
        check_range("concentration", concentration, 0, 10)
        check_range("momentum", momentum, 0, 1)
        self.margin, self.concentration, self.momentum = margin, concentration, momentum
        self.register_buffer("norm_mean", torch.tensor(20.0))
        self.register_buffer("norm_std", torch.tensor(100.0))

    def observe(self, cosine: Tensor, context: MarginContext) -> None:
        """Follows mean and deviation of the embeddings' lengths."""
        if len(cosine) > 1:
            norms = context.norms.clamp(_SHORTEST, _LONGEST)
            self.norm_mean.lerp_(norms.mean().to(self.norm_mean), self.momentum)
            self.norm_std.lerp_(norms.std().to(self.norm_std), self.momentum)

    def target_logit(self, cosine: Tensor, context: MarginContext) -> Tensor:
        """cos(theta - margin * z) - margin * (1 + z)."""
        norms = context.norms.detach().clamp(_SHORTEST, _LONGEST)
        z = ((norms - self.norm_mean) / (self.norm_std + 1e-3) * self.concentration).clamp(-1, 1)
        margin = self.margin * context.share
        return (angle(cosine) - margin * z).clamp(0, math.pi).cos() - margin * (1 + z)
