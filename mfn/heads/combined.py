"""The three margins in one formula (Deng et al. 2019, eq. 4, https://arxiv.org/abs/1801.07698)."""

import math
from typing import Unpack

from torch import Tensor

from mfn.heads.base import MarginContext, MarginHead, MarginOptions
from mfn.heads.functional import combined_target
from mfn.heads.head import check_range


class CombinedHead(MarginHead):
    """Target logit scale * (cos(m1 * theta + m2) - m3), falling on where m1 * theta + m2 > pi.

    With ``straight_through`` nothing is done past pi, as in InsightFace.

    Args:
        embedding_dim: Length of an embedding.
        num_classes: Number of identities.
        scale: Factor of the cosines; None takes each embedding's own length.
        m1: Factor of the angle, 1 for none.
        m2: Radians.
        m3: In cosine.
        options: See ``MarginHead``.
    """

    def __init__(
        self,
        embedding_dim: int,
        num_classes: int,
        scale: float | None = 64.0,
        m1: float = 1.0,
        m2: float = 0.3,
        m3: float = 0.2,
        **options: Unpack[MarginOptions],
    ) -> None:
        super().__init__(embedding_dim, num_classes, scale, **options)
        check_range("m1", m1, 1, 8)
        check_range("m2", m2, 0, math.pi / 2)
        check_range("m3", m3, 0, 1)
        self.m1, self.m2, self.m3 = m1, m2, m3

    def target_logit(self, cosine: Tensor, context: MarginContext) -> Tensor:
        """cos(m1 * theta + m2) - m3."""
        share = context.share
        m1, m2, m3 = 1 + (self.m1 - 1) * share, self.m2 * share, self.m3 * share
        return combined_target(cosine, m1, m2, m3, continued=not self.straight_through)
