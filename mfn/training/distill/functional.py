"""How far a student's embeddings are from a teacher's: pure functions."""

import torch
from torch import Tensor
from torch.nn import functional as F

from mfn.heads.functional import cosines


def cosine_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean of 1 - cosine, a scalar in [0, 2]; both float (N, D), any length."""
    return (1 - F.cosine_similarity(student, teacher)).mean()


def relative_l2(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared distance over the mean squared length of the teacher's, a scalar; lengths matter."""
    return (student - teacher).square().sum(1).mean() / teacher.square().sum(1).mean().clamp_min(1e-12)


def unexplained(student: Tensor, teacher: Tensor) -> Tensor:
    """Share of the variance of the teacher's features that the student's leave, a scalar; 1 where they say nothing.

    Args:
        student: float (N, C, H, W).
        teacher: Likewise, without gradient.
    """
    left = (student - teacher).square().mean((0, 2, 3))
    return left.sum() / teacher.var((0, 2, 3), correction=0).sum().clamp_min(1e-12)


def relation_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference of the cosines between all pairs of a batch (Tung & Mori 2019, arXiv 1907.09682).

    Args:
        student: float (N, D).
        teacher: float (N, T); the two lengths may differ.
    """
    if len(student) < 2:
        return 0.0 * student.sum()
    ours, theirs = (cosines(rows, rows) for rows in (student, teacher))
    pairs = ~torch.eye(len(student), dtype=torch.bool, device=student.device)
    return (ours - theirs).square()[pairs].mean()


def adapted_centres(centres: Tensor, student: Tensor, teacher: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The class centres of a batch's classes moved towards the teacher's embeddings (AdaDistill, ECCV 2024).

    While the student does not yet resemble the teacher, a centre is the teacher's embedding of the very image; the more
    it does, the more of the class's earlier centre stays: alpha * centre + (1 - alpha) * teacher, alpha = cosine of the
    two, not below 0. The paper's extra weight for hard samples is left out.

    Args:
        centres: float (C, T), 0 where a class was not seen yet.
        student: float (N, T), without gradient.
        teacher: float (N, T).
        labels: int64 (N,).

    Returns:
        The classes of the batch, int64 (K,), and their centres, float (K, T) of unit length.
    """
    unit = F.normalize(teacher)
    seen = centres[labels].abs().sum(1, keepdim=True) > 0
    alpha = (F.normalize(student) * unit).sum(1, keepdim=True).clamp_min(0) * seen
    wanted = F.normalize(alpha * centres[labels] + (1 - alpha) * unit)
    classes, row = labels.unique(return_inverse=True)
    sums = wanted.new_zeros(len(classes), wanted.shape[1]).index_add_(0, row, wanted)
    return classes, F.normalize(sums)
