"""MV-Softmax: classes that a face would be taken for weigh more (Wang et al. 2020, https://arxiv.org/abs/1912.00833)."""

import math
from typing import Literal, Unpack

import torch
from torch import Tensor

from mfn.heads.base import MarginContext, MarginHead, MarginOptions
from mfn.heads.functional import target_of
from mfn.heads.head import check_range


class MVSoftmaxHead(MarginHead):
    """A margin for the target, and more for each other class nearer than the margined target (eq. 6 to 8).

    Such a class's cosine c becomes c + t, or (adaptive) c + t * (c + 1).

    Args:
        embedding_dim: Length of an embedding.
        num_classes: Number of identities.
        scale: Factor of the cosines; None takes each embedding's own length.
        margin: Radians for ``arc``, in cosine for ``cos``.
        kind: The margin: ArcFace's (MV-Arc-Softmax) or CosFace's (MV-AM-Softmax).
        t: How much more; 0 is the margin alone.
        adaptive: The nearer, the more.
        options: See ``MarginHead``.
    """

    def __init__(
        self,
        embedding_dim: int,
        num_classes: int,
        scale: float | None = 32.0,
        margin: float = 0.35,
        kind: Literal["arc", "cos"] = "cos",
        t: float = 0.2,
        adaptive: bool = True,
        **options: Unpack[MarginOptions],
    ) -> None:
        super().__init__(embedding_dim, num_classes, scale, **options)
        self.bent = target_of(kind)
        check_range("margin", margin, 0, math.pi / 2 if kind == "arc" else 1)
        check_range("t", t, 0, 10)
        self.margin, self.t, self.adaptive = margin, t, adaptive

    def target_logit(self, cosine: Tensor, context: MarginContext) -> Tensor:
        """cos(theta + margin) or cos(theta) - margin."""
        return self.bent(cosine, self.margin * context.share)

    def negatives(self, cosine: Tensor, margined: Tensor, context: MarginContext) -> Tensor:
        """Those nearer than the margined target, made larger."""
        more = self.t * (cosine + 1) if self.adaptive else self.t
        return torch.where(cosine > margined[:, None], cosine + more, cosine)
