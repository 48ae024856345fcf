"""A run's loss as a named sum: the head's, and terms beside it, each with a weight of its own over the run."""

from typing import Any, NamedTuple

from torch import Tensor, nn

from mfn.contract import InputContract
from mfn.errors import ConfigError


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
