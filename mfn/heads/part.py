"""Class centres shared out over processes: which classes this one holds, and sums and maxima over those of all.

A value of the head is either the process's own (cosines with its classes) or common, the same in all processes (the
softmax denominators). Every process computes the common ones and the loss for itself, each with its whole gradient;
only where a value goes over from one kind to the other is there something to send. Shoeybi et al. 2019 (Megatron-LM,
https://arxiv.org/abs/1909.08053, section 3) call the two passages g (``sum``) and f (``shared``).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd import Function

from mfn.ranks import Ranks, control_group


class Part(NamedTuple):
    """Classes ``first`` up to, not including, ``end`` of ``total``: the share of process ``rank`` among ``size``."""

    total: int
    rank: int = 0
    size: int = 1

    @property
    def first(self) -> int:
        """The first class of this process."""
        return self.rank * self.total // self.size

    @property
    def end(self) -> int:
        """The class after its last."""
        return (self.rank + 1) * self.total // self.size

    @property
    def is_all(self) -> bool:
        """Whether this process holds all classes, and need not talk to others."""
        return self.size == 1

    def sum(self, own: Tensor) -> Tensor:
        """The common sum of what each process has: differentiable, and so is what follows."""
        return own if self.is_all else _Sum.apply(own)

    def shared(self, common: Tensor) -> Tensor:
        """A common value before it meets what is the process's own: its gradients are summed."""
        return common if self.is_all else _Shared.apply(common)

    def highest(self, own: Tensor) -> Tensor:
        """The elementwise maximum over the processes, without gradient."""
        return own if self.is_all else _reduced(own, dist.ReduceOp.MAX)

    def lowest(self, own: Tensor) -> Tensor:
        """The elementwise minimum over the processes, without gradient."""
        return own if self.is_all else _reduced(own, dist.ReduceOp.MIN)

    def gathered(self, own: Tensor, counts: Sequence[int]) -> Tensor:
        """The rows of all processes, one after the other.

        The gradient of the own rows is multiplied by the number of processes, by which DistributedDataParallel divides
        the sum of what all have.

        Args:
            own: (counts[rank], ...).
            counts: Rows of each process.

        Returns:
            (sum of counts, ...), common.
        """
        return own if self.is_all else _Gathered.apply(own, counts, self.rank)


WHOLE = Part(0)
"""Of a process that is alone, where the number of classes does not matter."""

_held: ContextVar[Ranks | None] = ContextVar("held", default=None)


@contextmanager
def held_by(rank: int, size: int) -> Iterator[None]:
    """Heads that are made in here hold the share of process `rank` among `size`, and draw no others."""
    token = _held.set(Ranks(rank, size))
    try:
        yield
    finally:
        _held.reset(token)


def held_part(total: int) -> Part:
    """The share of `total` classes that a head is to hold that is made now."""
    return Part(total, *(_held.get() or Ranks()))


class Everyone(NamedTuple):
    """The rows of all processes, and which of them are this one's."""

    embeddings: Tensor
    labels: Tensor
    own: slice
    seed: int


def rows_of_all(part: Part, embeddings: Tensor, labels: Tensor, seed: int = 0) -> Everyone:
    """Puts together what each process has, in the order of their ranks.

    Args:
        part: Of this process.
        embeddings: (n, D), n its own.
        labels: int64 (n,).
        seed: That of the first process is everyone's.

    Returns:
        Embeddings (N, D), differentiable, and labels (N,).
    """
    if part.is_all:
        return Everyone(embeddings, labels, slice(None), seed)
    told = _told_by_all([len(labels), seed])
    counts = [count for count, _ in told]
    own = slice(sum(counts[: part.rank]), sum(counts[: part.rank + 1]))
    return Everyone(part.gathered(embeddings, counts), part.gathered(labels, counts), own, told[0][1])


def _told_by_all(values: Sequence[int]) -> list[list[int]]:
    """The whole numbers of each process, in the order of their ranks; no device has to wait."""
    own = torch.tensor(values, dtype=torch.int64)
    everyone = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(everyone, own, group=control_group())
    return [each.tolist() for each in everyone]


def _reduced(own: Tensor, how: Any) -> Tensor:
    common = own.detach().clone()
    dist.all_reduce(common, how)
    return common


def _filled(own: Tensor, counts: Sequence[int]) -> list[Tensor]:
    """What each process has, by way of blocks of one size, which is all that is sent."""
    block = own.new_zeros((max(counts), *own.shape[1:]))
    block[: len(own)] = own
    blocks = [torch.empty_like(block) for _ in counts]
    # Whole numbers that are in the main memory already take the way that waits for no device
    on_cpu = own.device.type == "cpu"
    dist.all_gather(blocks, block, group=control_group() if on_cpu else None)
    return [each[:count] for each, count in zip(blocks, counts, strict=True)]


class _Sum(Function):
    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        return _reduced(own, dist.ReduceOp.SUM)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        return grad


class _Shared(Function):
    @staticmethod
    def forward(ctx: Any, common: Tensor) -> Tensor:
        return common.view_as(common)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        return _reduced(grad.contiguous(), dist.ReduceOp.SUM)


class _Gathered(Function):
    @staticmethod
    def forward(ctx: Any, own: Tensor, counts: Sequence[int], rank: int) -> Tensor:
        ctx.own = slice(sum(counts[:rank]), sum(counts[: rank + 1]))
        ctx.size = len(counts)
        return torch.cat(_filled(own, counts))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        return grad[ctx.own] * ctx.size, None, None
