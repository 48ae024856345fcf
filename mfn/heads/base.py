"""What every head shares: class centres in, loss and two things worth logging out.

A new margin is a subclass of ``MarginHead`` with one method, ``target_logit``.
"""

from abc import ABC, abstractmethod
from typing import Literal, NamedTuple, TypedDict

import torch
from torch import Tensor, nn

from mfn.errors import ConfigError
from mfn.heads.functional import margin_logits, straight_through
from mfn.heads.fused import margin_softmax
from mfn.heads.schedule import Ramp


class HeadOutput(NamedTuple):
    """Result of a head for one batch.

    Attributes:
        loss: Mean over the batch, a scalar to minimise.
        target_cosine: Cosine between embedding and class centre of the target, (N,), detached.
        predicted: Class the head would choose without its margin, int64 (N,), detached.
    """

    loss: Tensor
    target_cosine: Tensor
    predicted: Tensor


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raises ``ConfigError`` unless low <= value <= high."""
    if not low <= value <= high:
        raise ConfigError(f"head.{name} must be between {low:g} and {high:g}, got {value}")


class Head(nn.Module, ABC):
    """Embeddings and labels -> ``HeadOutput``, computed in float32 (or float64) whatever autocast says.

    Args:
        embedding_dim: Length of an embedding.
        num_classes: Number of identities.
        init_std: Standard deviation of the initial centres, which are drawn from a normal distribution. Where
            the head normalises them it sets not the first loss but how far an optimiser step turns a centre:
            the shorter, the farther.

    Attributes:
        weight: Class centres, float32 (num_classes, embedding_dim).
        step: Optimiser step and, in ``total_steps``, length of the run, as ``at_step`` announced them last.

    Raises:
        ConfigError: A value makes no sense.
    """

    def __init__(self, embedding_dim: int, num_classes: int, init_std: float = 0.01) -> None:
        super().__init__()
        check_range("embedding_dim", embedding_dim, 1, 1e6)
        check_range("num_classes", num_classes, 2, 1e9)
        check_range("init_std", init_std, 1e-4, 100)
        self.weight = nn.Parameter(torch.empty(num_classes, embedding_dim))
        nn.init.normal_(self.weight, std=init_std)
        self.at_step(0)

    def at_step(self, step: int, total_steps: int = 1) -> None:
        """Tells the head where the run stands, before each forward pass.

        Args:
            step: Optimiser steps taken so far.
            total_steps: Optimiser steps of the whole run; matters to what is counted in shares of the run.
        """
        self.step = step
        self.total_steps = total_steps

    def forward(self, embeddings: Tensor, labels: Tensor) -> HeadOutput:
        """Loss of a batch.

        Args:
            embeddings: (N, embedding_dim), any floating type, any length.
            labels: int64 (N,), 0..num_classes-1.
        """
        with torch.autocast(embeddings.device.type, enabled=False):
            return self._output(*self._promoted(embeddings), labels)

    def logits(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Logits (N, num_classes) whose mean cross-entropy is the loss: slow and plain, to look at."""
        with torch.autocast(embeddings.device.type, enabled=False):
            return self._logits(*self._promoted(embeddings), labels)

    def _promoted(self, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        dtype = torch.promote_types(torch.promote_types(embeddings.dtype, self.weight.dtype), torch.float32)
        return embeddings.to(dtype), self.weight.to(dtype)

    @abstractmethod
    def _output(self, embeddings: Tensor, centres: Tensor, labels: Tensor) -> HeadOutput: ...

    @abstractmethod
    def _logits(self, embeddings: Tensor, centres: Tensor, labels: Tensor) -> Tensor: ...


class MarginOptions(TypedDict, total=False):
    """Keyword arguments that every margin head passes on to ``MarginHead``."""

    easy: bool
    straight_through: bool
    warmup_start: float
    warmup_length: float
    warmup_unit: Literal["steps", "run"]
    init_std: float


class MarginHead(Head):
    """Softmax cross-entropy of scale * cosine, where the target's cosine is made smaller by a margin.

    Args:
        embedding_dim: Length of an embedding.
        num_classes: Number of identities.
        scale: Factor of the cosines; None takes each embedding's own length, as SphereFace does.
        easy: Margin only where the target cosine is above 0 (the logit jumps down there).
        straight_through: Apply the margin without its gradient, as InsightFace does: the slope of the target
            logit against the target cosine is 1 everywhere.
        warmup_start: Until here there is no margin.
        warmup_length: From there the margin grows, linearly, to its full value.
        warmup_unit: What the two are counted in: optimiser ``"steps"`` or shares of the ``"run"``.
        init_std: See ``Head``.
    """

    def __init__(
        self,
        embedding_dim: int,
        num_classes: int,
        scale: float | None,
        easy: bool = False,
        straight_through: bool = False,
        warmup_start: float = 0.0,
        warmup_length: float = 0.0,
        warmup_unit: Literal["steps", "run"] = "steps",
        init_std: float = 0.01,
    ) -> None:
        super().__init__(embedding_dim, num_classes, init_std)
        if scale is not None:
            check_range("scale", scale, 0.1, 1000)
        if warmup_unit not in ("steps", "run"):
            raise ConfigError(f"head.warmup_unit must be steps or run, got {warmup_unit!r}")
        longest = 1 if warmup_unit == "run" else 1e12
        check_range("warmup_start", warmup_start, 0, longest)
        check_range("warmup_length", warmup_length, 0, longest)
        self.scale = scale
        self.easy = easy
        self.straight_through = straight_through
        self.warmup = Ramp(warmup_start, warmup_length, of_run=warmup_unit == "run")

    @property
    def margin_share(self) -> float:
        """Part of the margin that is in force now, 0..1."""
        return self.warmup(self.step, self.total_steps)

    @abstractmethod
    def target_logit(self, cosine: Tensor) -> Tensor:
        """The margin: target cosines (N,) in [-1, 1] -> their logits before scale (N,), differentiable."""

    def _target(self, cosine: Tensor) -> Tensor:
        value = self.target_logit(cosine)
        if self.easy:
            value = torch.where(cosine > 0, value, cosine)
        return straight_through(value, cosine) if self.straight_through else value

    def _scales(self, embeddings: Tensor) -> Tensor:
        if self.scale is None:
            return torch.linalg.vector_norm(embeddings, dim=1)
        return embeddings.new_full((len(embeddings),), self.scale)

    def _output(self, embeddings: Tensor, centres: Tensor, labels: Tensor) -> HeadOutput:
        scales = self._scales(embeddings)
        losses, cosine, predicted = margin_softmax(embeddings, centres, labels, scales, self._target)
        return HeadOutput(losses.mean(), cosine, predicted)

    def _logits(self, embeddings: Tensor, centres: Tensor, labels: Tensor) -> Tensor:
        return margin_logits(embeddings, centres, labels, self._scales(embeddings), self._target)
