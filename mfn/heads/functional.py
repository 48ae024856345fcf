"""Margin maths as pure functions: from the cosine of the target class to its logit before scale.

All of them take cosines in [-1, 1] of any floating type and shape, are finite in value and slope on the
closed interval and, unless ``continued`` is off, never rise as the angle grows.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from mfn.errors import ConfigError
from mfn.heads.part import WHOLE, Part

SMALLEST_NORM = 1e-6

TargetFunction = Callable[[Tensor, Tensor], Tensor]
"""Target cosines (N,) and lengths of the embeddings (N,) -> logits before scale (N,), differentiable in both."""


def inverse_norm(rows: Tensor) -> Tensor:
    """1 / Euclidean length of each row: (N, D) -> (N,).

    A row shorter than ``SMALLEST_NORM`` has no direction: it gets 0, so that its cosines are 0 and its
    gradient is 0 instead of infinite.
    """
    norm = torch.linalg.vector_norm(rows, dim=1)
    return torch.where(norm > SMALLEST_NORM, norm.clamp_min(SMALLEST_NORM).reciprocal(), 0.0)


def angle(cosine: Tensor) -> Tensor:
    """Angle in (0, pi), whose slope stays finite at cosine = +-1.

    The value of the cosine is held one rounding step away from +-1; its derivative is passed on.
    """
    bound = 1 - torch.finfo(cosine.dtype).eps
    held = cosine + (cosine.clamp(-bound, bound) - cosine).detach()
    return held.acos()


def continued_cos(phi: Tensor) -> Tensor:
    """Cosine that goes on falling past pi: (-1)^k cos(phi) - 2k with k = floor(phi / pi).

    SphereFace's psi (Liu et al. 2017, eq. 7): continuous, equal to cos(phi) on [0, pi].
    """
    turns = torch.floor(phi / math.pi)
    return (1 - 2 * (turns % 2)) * phi.cos() - 2 * turns


def arcface_target(cosine: Tensor, margin: float | Tensor, continued: bool = True) -> Tensor:
    """ArcFace's cos(theta + margin) (Deng et al. 2019, eq. 3), margin in radians.

    Args:
        cosine: Target cosines, any shape.
        margin: In [0, pi / 2], one for all or one for each.
        continued: Where theta + margin > pi, use cos(theta) - margin * sin(margin), which keeps falling (the
            usual continuation, as in InsightFace's first releases and pytorch-metric-learning).
    """
    phi = angle(cosine) + margin
    if not continued:
        return phi.cos()
    fallen = margin * (margin.sin() if isinstance(margin, Tensor) else math.sin(margin))
    return torch.where(phi <= math.pi, phi.cos(), cosine - fallen)


def cosface_target(cosine: Tensor, margin: float | Tensor) -> Tensor:
    """CosFace's cos(theta) - margin (Wang et al. 2018, eq. 4)."""
    return cosine - margin


def target_of(kind: str) -> Callable[[Tensor, float | Tensor], Tensor]:
    """ArcFace's target for ``"arc"``, CosFace's for ``"cos"``.

    Raises:
        ConfigError: It is neither.
    """
    if kind not in ("arc", "cos"):
        raise ConfigError(f"head.kind must be arc or cos, got {kind!r}")
    return arcface_target if kind == "arc" else cosface_target


def sphereface_psi(cosine: Tensor, margin: float) -> Tensor:
    """SphereFace's psi: cos(margin * theta) on [0, pi / margin], falling on past it; margin >= 1."""
    return continued_cos(margin * angle(cosine))


def combined_target(cosine: Tensor, m1: float, m2: float, m3: float, continued: bool = True) -> Tensor:
    """cos(m1 * theta + m2) - m3 (Deng et al. 2019, eq. 4), past pi by ``continued_cos`` if ``continued``."""
    phi = m1 * angle(cosine) + m2
    return (continued_cos(phi) if continued else phi.cos()) - m3


def straight_through(value: Tensor, cosine: Tensor) -> Tensor:
    """``value`` with the gradient of ``cosine``: how InsightFace applies its margin."""
    return cosine + (value - cosine).detach()


def cosines(embeddings: Tensor, centres: Tensor, per_class: int = 1, part: Part = WHOLE) -> Tensor:
    """Cosine of each embedding with each class.

    Args:
        embeddings: (N, D), any length.
        centres: (C * per_class, D), any length; those of a class lie together.
        per_class: Centres of a class, of which the nearest counts.
        part: Which classes these are.

    Returns:
        (N, C), in [-1, 1] but for rounding.
    """
    directions = part.shared(embeddings * inverse_norm(embeddings)[:, None])
    found = F.linear(directions, centres * inverse_norm(centres)[:, None])
    return found if per_class == 1 else found.unflatten(1, (-1, per_class)).amax(2)


def focal(losses: Tensor, gamma: float) -> Tensor:
    """(1 - p)^gamma * loss with p = exp(-loss), of each sample (Lin et al. 2017, https://arxiv.org/abs/1708.02002)."""
    return (-torch.expm1(-losses)).clamp_min(torch.finfo(losses.dtype).tiny).pow(gamma) * losses
