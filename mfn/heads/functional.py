"""Margin maths as pure functions: from the cosine of the target class to its logit before scale.

All of them take cosines in [-1, 1] of any floating type and shape, are finite in value and slope on the
closed interval and, unless ``continued`` is off, never rise as the angle grows.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

SMALLEST_NORM = 1e-6

TargetFunction = Callable[[Tensor], Tensor]


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


def arcface_target(cosine: Tensor, margin: float, continued: bool = True) -> Tensor:
    """ArcFace's cos(theta + margin) (Deng et al. 2019, eq. 3), margin in radians.

    Args:
        cosine: Target cosines, any shape.
        margin: In [0, pi / 2].
        continued: Where theta + margin > pi, use cos(theta) - margin * sin(margin), which keeps falling (the
            usual continuation, as in InsightFace's first releases and pytorch-metric-learning).
    """
    phi = angle(cosine) + margin
    if not continued:
        return phi.cos()
    return torch.where(phi <= math.pi, phi.cos(), cosine - margin * math.sin(margin))


def cosface_target(cosine: Tensor, margin: float) -> Tensor:
    """CosFace's cos(theta) - margin (Wang et al. 2018, eq. 4)."""
    return cosine - margin


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


def margin_logits(embeddings: Tensor, centres: Tensor, labels: Tensor, scale: Tensor, target: TargetFunction) -> Tensor:
    """The plain, slow form of what ``mfn.heads.fused`` computes; differentiable any number of times.

    Args:
        embeddings: (N, D), any length.
        centres: (C, D), any length.
        labels: int64 (N,).
        scale: (N,), multiplies each row.
        target: Margin function, applied to the N target cosines only.

    Returns:
        Logits (N, C).
    """
    directions = embeddings * inverse_norm(embeddings)[:, None]
    cosines = F.linear(directions, centres * inverse_norm(centres)[:, None])
    column = labels[:, None]
    margined = target(cosines.gather(1, column).clamp(-1, 1))
    return scale[:, None] * cosines.scatter(1, column, margined)
