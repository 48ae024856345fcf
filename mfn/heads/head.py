"""What every head shares: class centres in, loss and two things worth logging out.

A new margin is a subclass of :class:`mfn.heads.base.MarginHead` with one method, ``target_logit``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple, TypedDict

import torch
from torch import Tensor, nn

from mfn.errors import ConfigError
from mfn.heads.classes import Classes
from mfn.heads.functional import cosines
from mfn.heads.part import Part, held_part, rows_of_all
from mfn.heads.sampling import chosen_classes, taken_rows


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


class HeadOptions(TypedDict, total=False):
    """Keyword arguments that every head with class centres passes on to ``Head``."""

    init_std: float
    sub_centres: int
    sample_rate: float
    offload: bool


class Head(nn.Module, ABC):
    """Embeddings and labels -> ``HeadOutput``, computed in float32 (or float64) whatever autocast says.

    Made within :func:`mfn.heads.part.held_by`, it holds the centres of one process's classes alone. ``forward`` then
    takes each process's own images, and the loss is the mean over those of all. The gradient of an embedding comes
    multiplied by the number of processes, by which DistributedDataParallel divides; that of the own centres is whole
    and must not be averaged.

    Args:
        embedding_dim: Length of an embedding.
        num_classes: Number of identities.
        init_std: Standard deviation of the initial centres, which are drawn from a normal distribution. Where
            the head normalises them it sets not the first loss but how far an optimiser step turns a centre:
            the shorter, the farther.
        sub_centres: Centres of each class.
        sample_rate: Share of the classes that a training step looks at beside the targets' own, drawn anew in each step
            (An et al. 2022, "Partial FC", https://arxiv.org/abs/2203.15565). Below 1 the gradient of the centres is
            sparse.
        offload: The centres stay in the main memory, wherever the head is moved to, and each step brings the rows it
            needs to the embeddings' device.

    Attributes:
        num_classes: Number of identities, of all processes.
        part: Which of the classes this process holds.
        weight: Their centres, float32 (classes * sub_centres, embedding_dim); those of a class lie together.
        step: Optimiser step and, in ``total_steps``, length of the run, as ``at_step`` announced them last.

    Raises:
        ConfigError: A value makes no sense.
    """

    of_classes: tuple[str, ...] = ("weight",)
    """Parameters that have rows for each class."""

    def __init__(
        self,
        embedding_dim: int,
        num_classes: int,
        init_std: float = 0.01,
        sub_centres: int = 1,
        sample_rate: float = 1.0,
        offload: bool = False,
    ) -> None:
        super().__init__()
        check_range("embedding_dim", embedding_dim, 1, 1e6)
        check_range("num_classes", num_classes, 2, 1e9)
        check_range("init_std", init_std, 1e-4, 100)
        check_range("sub_centres", sub_centres, 1, 100)
        check_range("sample_rate", sample_rate, 1e-6, 1)
        self.num_classes = num_classes
        self.sub_centres = sub_centres
        self.sample_rate = sample_rate
        self.offload = offload
        self.part = held_part(num_classes)
        if self.part.first == self.part.end:
            raise ConfigError(f"{self.part.size} processes are too many to share {num_classes} classes")
        self.weight = nn.Parameter(drawn_centres(self.part, sub_centres, embedding_dim, init_std))
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

        What is drawn follows PyTorch's CPU generator, that of the first process where there are several.

        Args:
            embeddings: (N, embedding_dim), any floating type, any length.
            labels: int64 (N,), 0..num_classes-1; on the CPU they spare a sampled head a wait for its device.
        """
        with torch.autocast(embeddings.device.type, enabled=False):
            embeddings, labels, own, seed = rows_of_all(self.part, self._promoted(embeddings), labels, _drawn_seed())
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                output = self._output(embeddings, self._classes(embeddings, labels, self._chosen(labels)))
        return output._replace(target_cosine=output.target_cosine[own], predicted=output.predicted[own])

    def logits(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Logits (N, classes) from which the loss is computed: slow and plain, to look at.

        Raises:
            ValueError: Another process holds some of the classes.
        """
        if not self.part.is_all:
            raise ValueError("the classes are shared out over several processes")
        with torch.autocast(embeddings.device.type, enabled=False):
            embeddings = self._promoted(embeddings)
            torch.manual_seed(_drawn_seed())  # as in the step
            return self._logits(embeddings, self._classes(embeddings, labels, None))

    def _promoted(self, embeddings: Tensor) -> Tensor:
        return embeddings.to(
            torch.promote_types(torch.promote_types(embeddings.dtype, self.weight.dtype), torch.float32)
        )

    def _chosen(self, labels: Tensor) -> Tensor | None:
        """The classes of this process that take part in a step, None for all of them."""
        if self.sample_rate == 1 or not self.training:
            return None
        part = self.part
        return chosen_classes(labels.cpu(), part.first, part.end, part.total, self.sample_rate)

    def _classes(self, embeddings: Tensor, labels: Tensor, rows: Tensor | None) -> Classes:
        """Centres and targets for a step over some rows, counted in classes, or over all."""
        device, part = embeddings.device, self.part
        here, column = None, labels
        if not part.is_all:
            here = (labels >= part.first) & (labels < part.end)
            column = torch.where(here, labels - part.first, 0)
        if rows is not None:
            column = torch.searchsorted(rows.to(column.device), column)
        if here is not None:
            column, here = torch.where(here, column, 0), here.to(device, non_blocking=True)
        centres = self.weight
        if rows is not None:
            places = rows[:, None] * self.sub_centres + torch.arange(self.sub_centres)
            centres = taken_rows(centres, places.flatten().to(centres.device))
        return Classes(
            centres.to(device, embeddings.dtype),
            labels.to(device, non_blocking=True),
            column.to(device, non_blocking=True),
            here,
            part,
            rows,
        )

    def _cosines(self, embeddings: Tensor, classes: Classes) -> Tensor:
        return cosines(embeddings, classes.centres, self.sub_centres, classes.part)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Head":
        kept = {name: self._parameters[name] for name in self.of_classes} if self.offload else {}
        self._parameters.update(dict.fromkeys(kept))
        super()._apply(fn, recurse)
        self._parameters.update(kept)
        return self

    @abstractmethod
    def _output(self, embeddings: Tensor, classes: Classes) -> HeadOutput:
        """Embeddings (N, D) of all processes, and the classes of this one -> loss, target cosines and predictions."""

    @abstractmethod
    def _logits(self, embeddings: Tensor, classes: Classes) -> Tensor: ...


def _drawn_seed() -> int:
    return int(torch.randint(2**62, (1,)))


_BLOCK = 2**16
"""Classes drawn at a time."""


def drawn_centres(part: Part, sub_centres: int, embedding_dim: int, std: float) -> Tensor:
    """Initial centres of one process: those that a single one would have drawn, of which no more than a block exists.

    Returns:
        float32 (classes * sub_centres, embedding_dim).
    """
    kept = torch.empty((part.end - part.first) * sub_centres, embedding_dim)
    for start in range(0, part.total, _BLOCK):
        end = min(start + _BLOCK, part.total)
        block = torch.empty((end - start) * sub_centres, embedding_dim).normal_(std=std)
        first, last = max(start, part.first), min(end, part.end)
        if first < last:
            to, of = slice(first - part.first, last - part.first), slice(first - start, last - start)
            kept.unflatten(0, (-1, sub_centres))[to] = block.unflatten(0, (-1, sub_centres))[of]
    return kept


def mean_of(losses: Tensor) -> Tensor:
    """The mean of (N,), 0 where there are none."""
    return losses.mean() if len(losses) else losses.sum()


def output_of(losses: Tensor, cosine: Tensor, classes: Classes) -> HeadOutput:
    """The result of a head that has all cosines.

    Args:
        losses: Of each sample, (N,).
        cosine: (N, K).
        classes: Which they are with.
    """
    cosine = cosine.detach()
    return HeadOutput(mean_of(losses), classes.target_of(cosine).clamp(-1, 1), classes.nearest(cosine))
