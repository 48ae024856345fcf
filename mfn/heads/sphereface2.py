"""SphereFace2: binary classification is all you need (Wen et al. 2022, https://arxiv.org/abs/2108.01513)."""

import math
from typing import Literal, Unpack

import torch
from torch import Tensor

from mfn.errors import ConfigError
from mfn.heads.binary import BinaryHead
from mfn.heads.functional import angle
from mfn.heads.head import check_range
from mfn.heads.softmax import SoftmaxOptions


class SphereFace2Head(BinaryHead):
    """A logistic loss with each class (eq. 6).

    It is balance / r * ln(1 + exp(-r * (g(cos) - m) - b)) with the target, and with each other class
    (1 - balance) / r * ln(1 + exp(r * (g(cos) + m) + b)), where g(z) = 2 * ((z + 1) / 2)^t - 1.

    With ``kind`` arc the margin is added to the angle of the target and taken from the others' (SphereFace2-A). b is
    learnt and starts where the loss is least while all cosines are 0.

    Args:
        embedding_dim: Length of an embedding.
        num_classes: Number of identities.
        scale: r.
        margin: m, in cosine (``cos``) or radians (``arc``).
        kind: SphereFace2-C or SphereFace2-A.
        balance: lambda, weight of the target against all others.
        exponent: t, how far g spreads the similarities.
        options: See ``Head``.
    """

    def __init__(
        self,
        embedding_dim: int,
        num_classes: int,
        scale: float = 40.0,
        margin: float = 0.4,
        kind: Literal["cos", "arc"] = "cos",
        balance: float = 0.7,
        exponent: float = 3.0,
        **options: Unpack[SoftmaxOptions],
    ) -> None:
        check_range("scale", scale, 0.1, 1000)
        check_range("margin", margin, 0, 1)
        check_range("balance", balance, 0.001, 0.999)
        check_range("exponent", exponent, 1, 20)
        if kind not in ("cos", "arc"):
            raise ConfigError(f"head.kind must be cos or arc, got {kind!r}")
        super().__init__(embedding_dim, num_classes, 0.0, balance / scale, (1 - balance) / scale, **options)
        self.scale, self.margin, self.kind, self.exponent = scale, margin, kind, exponent
        target, other = self.pair_logits(torch.zeros(2), torch.tensor([True, False])).tolist()
        bias = _best_bias(target, other, balance / ((1 - balance) * (num_classes - 1)))
        torch.nn.init.constant_(self.bias, bias)

    def pair_logits(self, cosine: Tensor, is_target: Tensor) -> Tensor:
        """Scale * (g(cos) - margin) with the target, + margin with the others."""
        margin = torch.where(is_target, torch.full_like(cosine, self.margin), -self.margin)
        if self.kind == "arc":
            return self.scale * self._g((angle(cosine) + margin).clamp(0, math.pi).cos())
        return self.scale * (self._g(cosine) - margin)

    def _g(self, z: Tensor) -> Tensor:
        return 2 * ((z + 1) / 2).clamp_min(0).pow(self.exponent) - 1


def _best_bias(target: float, other: float, ratio: float) -> float:
    """Where ratio * sigmoid(-(target + b)) = sigmoid(other + b), the root of a quadratic in exp(b)."""
    root = math.sqrt((1 - ratio) ** 2 + 4 * ratio * math.exp(target - other))
    # exp(b) = (ratio - 1 + root) / (2 exp(target)), written so that nothing cancels
    return math.log(2 * ratio) - other - math.log(1 - ratio + root)
