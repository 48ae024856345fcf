"""ArcFace: an angle added to the target's (Deng et al. 2019, https://arxiv.org/abs/1801.07698)."""

import math
from typing import Unpack

from torch import Tensor

from mfn.heads.base import MarginContext, MarginHead, MarginOptions
from mfn.heads.functional import arcface_target
from mfn.heads.head import check_range


class ArcFaceHead(MarginHead):
    """Target logit scale * cos(theta + margin), falling on where theta + margin > pi.

    With ``straight_through`` the value is InsightFace's too: cos(theta + margin) with nothing done past pi,
    where the slope of 1 keeps the gradient pointing the right way.

    Args:
        embedding_dim: Length of an embedding.
        num_classes: Number of identities.
        scale: Factor of the cosines; None takes each embedding's own length.
        margin: Radians.
        options: See ``MarginHead``.
    """

    def __init__(
        self,
        embedding_dim: int,
        num_classes: int,
        scale: float | None = 64.0,
        margin: float = 0.5,
        **options: Unpack[MarginOptions],
    ) -> None:
        super().__init__(embedding_dim, num_classes, scale, **options)
        check_range("margin", margin, 0, math.pi / 2)
        self.margin = margin

    def target_logit(self, cosine: Tensor, context: MarginContext) -> Tensor:
        """cos(theta + margin)."""
        return arcface_target(cosine, self.margin * context.share, continued=not self.straight_through)
