"""A run's loss as a named sum: the head's, and terms beside it, each with a weight of its own over the run."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from mfn.contract import InputContract
from mfn.errors import ConfigError
from mfn.ranks import from_all


class TrainingStep(NamedTuple):
    """What a term may look at.

    Attributes:
        embeddings: Of the network that learns, float32 (N, D).
        teacher: Of the teacher, for the same images, float32 (N, T).
        labels: int64 (N,).
    """

    embeddings: Tensor
    teacher: Tensor
    labels: Tensor


class Weight(NamedTuple):
    """A factor that goes from one value to another over the run.

    Attributes:
        start: At the first step.
        end: At the last; None keeps the first.
    """

    start: float = 1.0
    end: float | None = None

    def at(self, share: float) -> float:
        """The factor after a share of the run, 0..1."""
        return self.start if self.end is None else self.start + (self.end - self.start) * min(1.0, max(0.0, share))


def checked_weight(key: str, start: float, end: float | None) -> Weight:
    """A weight, or ``ConfigError`` where one of its values is negative."""
    if start < 0 or (end is not None and end < 0):
        raise ConfigError(f"{key} must not be negative, got {start} and {end}")
    return Weight(start, end)


class Term(nn.Module):
    """One part of the loss beside the head's.

    A subclass computes it from a :class:`TrainingStep` in ``forward``. One with ``lessons`` also has a method
    ``lesson``, which gives a loss from uint8 RGB images (N, H, W, 3) alone.

    Args:
        weight: Its factor in the sum, at the first step.
        weight_end: At the last step; None keeps it.

    Attributes:
        lessons: First part of the run, 0..1, in which only such lessons are learnt and nothing else is computed.

    Raises:
        ConfigError: A factor is negative.
    """

    lessons: float = 0.0

    def __init__(self, weight: float = 1.0, weight_end: float | None = None) -> None:
        super().__init__()
        self.weighing = checked_weight("weight of a term of distill", weight, weight_end)

    def attach(self, backbone: nn.Module, contract: InputContract, teacher: Any) -> None:
        """Looks at both networks before the run, where a term needs more than their embeddings.

        Args:
            backbone: The network that learns.
            contract: Its pixels.
            teacher: See :class:`mfn.training.distill.teacher.Teacher`.
        """


Parts = dict[str, tuple[Weight, Tensor]]
"""Parts of a loss by name, each with its weight."""


class Objective:
    """All that a run learns by: the head's loss, and further terms.

    Every value is the mean over this process's images, times a weight that makes the mean over the processes the mean
    over all images.

    Args:
        head_weight: Of the head's loss in the sum, over the run.
        terms: Those that compare with the teacher.
        teacher: Gives the embeddings to learn.
        norm_penalty: Factor of the mean 1-norm of the embeddings.
    """

    def __init__(
        self,
        head_weight: Weight,
        terms: Mapping[str, Term],
        teacher: Callable[[Any], Tensor] | None,
        norm_penalty: float,
    ) -> None:
        self.head_weight = head_weight
        self.terms = terms
        self.teacher = teacher
        self.norm_penalty = norm_penalty

    def has_lessons(self, share: float) -> bool:
        """Whether after this share of the run some terms are learnt alone."""
        return any(share < term.lessons for term in self.terms.values())

    def lessons(self, images: Tensor, share: float, weight: float) -> Parts:
        """The terms that are learnt before all others, from uint8 RGB images (N, H, W, 3)."""
        learning: dict[str, Any] = {name: term for name, term in self.terms.items() if share < term.lessons}
        return {name: (term.weighing, weight * term.lesson(images)) for name, term in learning.items()}

    def parts(self, head: nn.Module, head_loss: Tensor, embeddings: Tensor, batch: Any, weight: float) -> Parts:
        """The head's loss, unless the head recognises nobody, and the terms beside it in float32."""
        parts: Parts = {} if getattr(head, "needs_teacher", False) else {"head": (self.head_weight, head_loss)}
        if self.teacher is None or not len(embeddings):
            return parts or {"head": (self.head_weight, head_loss)}
        with torch.autocast(embeddings.device.type, enabled=False):
            labels = batch.labels.to(embeddings.device)
            step = TrainingStep(embeddings.float(), self.teacher(batch).to(embeddings.device), labels)
            return parts | {name: (term.weighing, weight * term(step)) for name, term in self.terms.items()}

    def penalty(self, embeddings: Tensor, weight: float) -> Tensor | float:
        """What long embeddings cost."""
        if self.norm_penalty == 0 or not len(embeddings):
            return 0.0
        return self.norm_penalty * weight * embeddings.float().abs().sum(1).mean()

    def weight(self, size: int) -> float:
        """Of a mean over this process's images; all processes must ask at the same point."""
        if not self.terms and self.norm_penalty == 0:
            return 1.0
        sizes = from_all(size)
        return size * len(sizes) / max(1, sum(sizes))


def total(parts: Parts, share: float) -> Tensor:
    """The sum of the parts, each with its weight after this share of the run."""
    return torch.stack([weight.at(share) * part for weight, part in parts.values()]).sum()
