"""CosFace: a constant taken from the target's cosine (Wang et al. 2018, https://arxiv.org/abs/1801.09414)."""

from typing import Unpack

from torch import Tensor

from mfn.heads.base import MarginContext, MarginHead, MarginOptions
from mfn.heads.functional import cosface_target
from mfn.heads.head import check_range


class CosFaceHead(MarginHead):
    """Target logit scale * (cos(theta) - margin).

    Args:
        embedding_dim: Length of an embedding.
        num_classes: Number of identities.
        scale: Factor of the cosines; None takes each embedding's own length.
        margin: In cosine.
        options: See ``MarginHead``.
    """

    def __init__(
        self,
        embedding_dim: int,
        num_classes: int,
        scale: float | None = 64.0,
        margin: float = 0.35,
        **options: Unpack[MarginOptions],
    ) -> None:
        super().__init__(embedding_dim, num_classes, scale, **options)
        check_range("margin", margin, 0, 1)
        self.margin = margin

    def target_logit(self, cosine: Tensor, context: MarginContext) -> Tensor:
        """cos(theta) - margin."""
        return cosface_target(cosine, self.margin * context.share)
