"""SphereFace: the target's angle multiplied (Liu et al. 2017, https://arxiv.org/abs/1704.08063)."""

from typing import Unpack

from torch import Tensor

from mfn.heads.base import MarginContext, MarginHead, MarginOptions
from mfn.heads.functional import sphereface_psi
from mfn.heads.head import check_range
from mfn.heads.schedule import Annealing


class SphereFaceHead(MarginHead):
    """Target logit scale * psi(theta): cos(margin * theta), falling on where margin * theta > pi.

    The plain form, with a constant scale and a margin small enough to train without annealing.

    Args:
        embedding_dim: Length of an embedding.
        num_classes: Number of identities.
        scale: Factor of the cosines; None takes each embedding's own length.
        margin: Factor of the angle, 1 for none.
        options: See ``MarginHead``.
    """

    def __init__(
        self,
        embedding_dim: int,
        num_classes: int,
        scale: float | None = 30.0,
        margin: float = 1.35,
        **options: Unpack[MarginOptions],
    ) -> None:
        super().__init__(embedding_dim, num_classes, scale, **options)
        check_range("margin", margin, 1, 8)
        self.margin = margin

    def target_logit(self, cosine: Tensor, context: MarginContext) -> Tensor:
        """psi(theta)."""
        return sphereface_psi(cosine, 1 + (self.margin - 1) * context.share)


class AnnealedSphereFaceHead(SphereFaceHead):
    """The paper's form: target logit ``|x|`` * (lambda * cos(theta) + psi(theta)) / (1 + lambda).

    lambda falls with the optimiser step from ``lambda_base`` to ``lambda_min``: a margin of 4 does not train
    without it.

    Args:
        embedding_dim: Length of an embedding.
        num_classes: Number of identities.
        scale: Factor of the cosines; None takes each embedding's own length, ``|x|``.
        margin: Factor of the angle, 1 for none.
        lambda_base: See ``Annealing`` for this and the other three.
        lambda_gamma: Rate of the fall.
        lambda_power: Exponent of the fall.
        lambda_min: Where the fall ends.
        options: See ``MarginHead``.
    """

    def __init__(
        self,
        embedding_dim: int,
        num_classes: int,
        scale: float | None = None,
        margin: float = 4.0,
        lambda_base: float = 1000.0,
        lambda_gamma: float = 0.12,
        lambda_power: float = 1.0,
        lambda_min: float = 5.0,
        **options: Unpack[MarginOptions],
    ) -> None:
        super().__init__(embedding_dim, num_classes, scale, margin, **options)
        check_range("lambda_base", lambda_base, 0, 1e9)
        check_range("lambda_gamma", lambda_gamma, 0, 1e9)
        check_range("lambda_power", lambda_power, 0, 100)
        check_range("lambda_min", lambda_min, 0, 1e9)
        self.annealing = Annealing(lambda_base, lambda_gamma, lambda_power, lambda_min)

    def target_logit(self, cosine: Tensor, context: MarginContext) -> Tensor:
        """(lambda * cos(theta) + psi(theta)) / (1 + lambda)."""
        weight = self.annealing(self.step)
        return (weight * cosine + super().target_logit(cosine, context)) / (1 + weight)
