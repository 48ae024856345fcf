"""What every head shares: class centres in, loss and two things worth logging out.

A new margin is a subclass of :class:`mfn.heads.base.MarginHead` with one method, ``target_logit``.
"""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mfn.errors import ConfigError
from mfn.heads.functional import cosines


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
        sub_centres: Centres of each class.

    Attributes:
        weight: Class centres, float32 (num_classes * sub_centres, embedding_dim); those of a class lie together.
        step: Optimiser step and, in ``total_steps``, length of the run, as ``at_step`` announced them last.

    Raises:
        ConfigError: A value makes no sense.
    """

    def __init__(self, embedding_dim: int, num_classes: int, init_std: float = 0.01, sub_centres: int = 1) -> None:
        super().__init__()
        check_range("embedding_dim", embedding_dim, 1, 1e6)
        check_range("num_classes", num_classes, 2, 1e9)
        check_range("init_std", init_std, 1e-4, 100)
        check_range("sub_centres", sub_centres, 1, 100)
        self.sub_centres = sub_centres
        self.weight = nn.Parameter(torch.empty(num_classes * sub_centres, embedding_dim))
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
        """Logits (N, num_classes) from which the loss is computed: slow and plain, to look at."""
        with torch.autocast(embeddings.device.type, enabled=False):
            return self._logits(*self._promoted(embeddings), labels)

    def _promoted(self, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        dtype = torch.promote_types(torch.promote_types(embeddings.dtype, self.weight.dtype), torch.float32)
        return embeddings.to(dtype), self.weight.to(dtype)

    def _cosines(self, embeddings: Tensor, centres: Tensor) -> Tensor:
        return cosines(embeddings, centres, self.sub_centres)

    @abstractmethod
    def _output(self, embeddings: Tensor, centres: Tensor, labels: Tensor) -> HeadOutput: ...

    @abstractmethod
    def _logits(self, embeddings: Tensor, centres: Tensor, labels: Tensor) -> Tensor: ...


def output_of(losses: Tensor, cosine: Tensor, labels: Tensor) -> HeadOutput:
    """The result of a head that has all cosines.

    Args:
        losses: Of each sample, (N,).
        cosine: (N, C).
        labels: int64 (N,).
    """
    cosine = cosine.detach()
    target = cosine.gather(1, labels[:, None]).squeeze(1).clamp(-1, 1)
    return HeadOutput(losses.mean(), target, cosine.argmax(dim=1))
