"""SphereFace-R: SphereFace revived (Liu et al. 2022, https://arxiv.org/abs/2109.05565)."""

import math
from typing import Unpack

from torch import Tensor

from mfn.heads.base import MarginContext, MarginHead, MarginOptions
from mfn.heads.functional import angle
from mfn.heads.head import check_range


class SphereFaceRHead(MarginHead):
    """Target logit scale * cos(min(margin * theta, pi)): the paper's second form (v2), with a fixed scale (HFN).

    The cosine's gradient is passed on as it is by default, as the paper's "characteristic gradient detachment" does:
    where margin * theta is past pi the logit itself would have no slope.

    Args:
        embedding_dim: Length of an embedding.
        num_classes: Number of identities.
        scale: Factor of the cosines; None takes each embedding's own length.
        margin: Factor of the angle, 1 for none.
        options: See ``MarginHead``; ``straight_through`` is True here unless it is given.
    """

    def __init__(
        self,
        embedding_dim: int,
        num_classes: int,
        scale: float | None = 30.0,
        margin: float = 1.5,
        **options: Unpack[MarginOptions],
    ) -> None:
        super().__init__(embedding_dim, num_classes, scale, **{"straight_through": True, **options})
        check_range("margin", margin, 1, 8)
        self.margin = margin

    def target_logit(self, cosine: Tensor, context: MarginContext) -> Tensor:
        """cos(min(margin * theta, pi))."""
        factor = 1 + (self.margin - 1) * context.share
        return (factor * angle(cosine)).clamp_max(math.pi).cos()
