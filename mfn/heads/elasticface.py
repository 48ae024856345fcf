"""ElasticFace: a margin drawn anew for each sample (Boutros et al. 2022, https://arxiv.org/abs/2109.09416)."""

import math
from typing import Literal, Unpack

import torch
from torch import Tensor

from mfn.heads.base import MarginContext, MarginHead, MarginOptions
from mfn.heads.functional import target_of
from mfn.heads.head import check_range


class ElasticFaceHead(MarginHead):
    """ArcFace or CosFace with a margin from a normal distribution (eq. 4 and 5), held in [0, its largest].

    Args:
        embedding_dim: Length of an embedding.
        num_classes: Number of identities.
        scale: Factor of the cosines; None takes each embedding's own length.
        margin: Mean margin, radians for ``arc``, in cosine for ``cos``.
        kind: ElasticFace-Arc or ElasticFace-Cos.
        std: Standard deviation of the margin.
        plus: Give the larger margins to the samples farther from their centres (ElasticFace+).
        options: See ``MarginHead``.
    """

    def __init__(
        self,
        embedding_dim: int,
        num_classes: int,
        scale: float | None = 64.0,
        margin: float = 0.5,
        kind: Literal["arc", "cos"] = "arc",
        std: float = 0.0125,
        plus: bool = False,
        **options: Unpack[MarginOptions],
    ) -> None:
        super().__init__(embedding_dim, num_classes, scale, **options)
        self.bent = target_of(kind)
        self.largest = math.pi / 2 if kind == "arc" else 1.0
        check_range("margin", margin, 0, self.largest)
        check_range("std", std, 0, 1)
        self.margin, self.std, self.plus = margin, std, plus

    def target_logit(self, cosine: Tensor, context: MarginContext) -> Tensor:
        """As ArcFace or CosFace, each with its own margin; the draw follows PyTorch's seed."""
        margin = torch.empty_like(cosine, requires_grad=False).normal_(self.margin, self.std).clamp(0, self.largest)
        if self.plus:
            margin = torch.empty_like(margin).scatter(0, cosine.detach().argsort(descending=True), margin.sort().values)
        return self.bent(cosine, margin * context.share)
