"""Part of the classes in each step: which, and how their rows are taken so that nothing else is touched.

An et al. 2022, "Killing Two Birds with One Stone: Efficient and Robust Training of Face Recognition CNNs by Partial FC"
(https://arxiv.org/abs/2203.15565): the targets' own centres and a random share of the others give the same network, at
the cost of that share.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function


def drawn_classes(total: int, rate: float) -> Tensor:
    """A random share of the classes, drawn from PyTorch's CPU generator.

    One from each of ``rate * total`` stretches of equal length, whose place is drawn too: every class is as likely as
    any other, all processes draw the same, and it takes time in what is drawn, not in the number of classes.

    Args:
        total: Number of classes.
        rate: In (0, 1].

    Returns:
        int64 (max(1, round(rate * total)),), distinct, in no special order.
    """
    count = max(1, round(rate * total))
    bounds = torch.arange(count + 1).mul_(total).div_(count, rounding_mode="floor")
    offset = torch.randint(total, (1,))
    within = (torch.rand(count, dtype=torch.float64) * bounds.diff()).long()
    return (bounds[:-1] + within + offset) % total


def chosen_classes(labels: Tensor, first: int, end: int, total: int, rate: float) -> Tensor:
    """The classes of one process that take part in a step: those of the labels, and some of the others.

    Args:
        labels: int64 (N,) on the CPU, of all processes.
        first: First class of the process.
        end: The class after its last.
        total: Number of classes of all.
        rate: Share of the others.

    Returns:
        int64 (K,), rising, counted from `first`.
    """
    wanted = torch.cat([labels, drawn_classes(total, rate)])
    return torch.unique(wanted[(wanted >= first) & (wanted < end)] - first)


def taken_rows(table: Tensor, rows: Tensor) -> Tensor:
    """Rows of a table; its gradient is sparse and has these rows alone.

    Args:
        table: (C, ...).
        rows: int64 (K,), rising, without repetition.
    """
    return _TakenRows.apply(table, rows)


class _TakenRows(Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, rows: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        ctx.shape = table.shape
        return table.index_select(0, rows)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        (rows,) = ctx.saved_tensors
        return torch.sparse_coo_tensor(rows[None], grad, ctx.shape, is_coalesced=True, check_invariants=False), None
