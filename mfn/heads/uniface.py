"""UniFace: one threshold for all pairs (Zhou et al. 2023, "UniFace: Unified Cross-Entropy Loss", ICCV)."""

import math
from typing import Unpack

import torch
from torch import Tensor

from mfn.heads.binary import BinaryHead
from mfn.heads.head import check_range
from mfn.heads.softmax import SoftmaxOptions


class UniFaceHead(BinaryHead):
    """ln(1 + exp(b - scale * (cos - margin))) with the target, ln(1 + exp(scale * cos - b)) with each other class.

    b is learnt and is what separates same from different for everybody; it starts at ln(10 C).

    Args:
        embedding_dim: Length of an embedding.
        num_classes: Number of identities.
        scale: Factor of the cosines.
        margin: In cosine.
        negative_weight: Factor of the losses with other classes, lambda in the paper.
        options: See ``Head``.
    """

    def __init__(
        self,
        embedding_dim: int,
        num_classes: int,
        scale: float = 64.0,
        margin: float = 0.4,
        negative_weight: float = 1.0,
        **options: Unpack[SoftmaxOptions],
    ) -> None:
        check_range("scale", scale, 0.1, 1000)
        check_range("margin", margin, 0, 1)
        check_range("negative_weight", negative_weight, 0, 1000)
        bias = -math.log(10 * max(1, num_classes))
        super().__init__(embedding_dim, num_classes, bias, negative_weight=negative_weight, **options)
        self.scale, self.margin = scale, margin

    def pair_logits(self, cosine: Tensor, is_target: Tensor) -> Tensor:
        """Scale * cosine, the margin taken from the target's."""
        return self.scale * torch.where(is_target, cosine - self.margin, cosine)
