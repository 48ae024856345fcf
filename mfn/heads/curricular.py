"""CurricularFace: hard negatives weigh more as training goes on (Huang et al. 2020, arXiv 2004.00288)."""

from typing import Unpack

import torch
from torch import Tensor

from mfn.heads.arcface import ArcFaceHead
from mfn.heads.base import MarginContext, MarginOptions
from mfn.heads.head import check_range


class CurricularFaceHead(ArcFaceHead):
    """ArcFace, and cos(theta_j) * (t + cos(theta_j)) for each other class nearer than the margined target (eq. 3, 6).

    t is a running mean of the target cosines: near 0 at first, so that hard negatives begin as easy ones.

    Args:
        embedding_dim: Length of an embedding.
        num_classes: Number of identities.
        scale: Factor of the cosines; None takes each embedding's own length.
        margin: Radians.
        momentum: Share of the new batch in t.
        options: See ``MarginHead``.
    """

    t: Tensor

    def __init__(
        self,
        embedding_dim: int,
        num_classes: int,
        scale: float | None = 64.0,
        margin: float = 0.5,
        momentum: float = 0.01,
        **options: Unpack[MarginOptions],
    ) -> None:
        super().__init__(embedding_dim, num_classes, scale, margin, **options)
        check_range("momentum", momentum, 0, 1)
        self.momentum = momentum
        self.register_buffer("t", torch.tensor(0.0))

    def observe(self, cosine: Tensor, context: MarginContext) -> None:
        """Follows the mean target cosine."""
        self.t.lerp_(cosine.mean().to(self.t), self.momentum)

    def negatives(self, cosine: Tensor, margined: Tensor, context: MarginContext) -> Tensor:
        """Those nearer than the margined target, by the curriculum."""
        return torch.where(cosine > margined[:, None], cosine * (self.t + cosine), cosine)
