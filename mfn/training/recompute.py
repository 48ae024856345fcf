"""Less memory for more time: a network keeps what goes into its blocks, and computes the rest again on the way back.

Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost" (https://arxiv.org/abs/1604.06174).
"""

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from mfn.errors import ConfigError


def recompute_blocks(backbone: nn.Module) -> None:
    """Makes a network compute the inside of its blocks twice; what it gives, and what it learns, stays the same.

    Blocks stay the objects they are, with their names and parameters, so that a checkpoint never knows.

    Raises:
        ConfigError: The network has no blocks in a row.
    """
    network = getattr(backbone, "network", None)
    if isinstance(network, nn.Module):  # timm's know theirs
        try:
            network.set_grad_checkpointing(True)  # type: ignore[operator]
        except (AttributeError, AssertionError, NotImplementedError) as error:
            raise ConfigError(_without_blocks(network)) from error
    elif blocks := _blocks(backbone):
        for block in blocks:
            block.__class__ = _twice(type(block))
    else:
        raise ConfigError(_without_blocks(backbone))
    for module in backbone.modules():
        if isinstance(module, _BatchNorm):
            module.register_forward_pre_hook(_hold_statistics)
            module.register_forward_hook(_let_go, always_call=True)  # the second time ends where enough is known


def _without_blocks(network: nn.Module) -> str:
    return f"grad_checkpointing=true: {type(network).__name__} has no blocks to compute again: set it to false"


def _blocks(backbone: nn.Module) -> list[nn.Module]:
    """What stands in a row in a network."""
    rows = [child for child in backbone.children() if type(child) is nn.Sequential]
    return [block for row in rows for block in row if any(block.children())]


class _Twice(nn.Module):
    """Goes before the class of a block in another one."""

    def forward(self, *inputs: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            return super().forward(*inputs)
        return checkpoint(super().forward, *inputs, use_reentrant=False)  # type: ignore[return-value]


@cache
def _twice(kind: type[nn.Module]) -> type[nn.Module]:
    return type(kind.__name__, (_Twice, kind), {})


def _hold_statistics(norm: Any, _inputs: Any) -> None:
    """The second time, on the way back, a batch must not count in the running statistics again."""
    if torch._C._current_graph_task_id() != -1:
        norm._held = norm.momentum, norm.num_batches_tracked
        norm.momentum = 0.0
        norm.num_batches_tracked = None if norm._held[1] is None else norm._held[1].clone()


def _let_go(norm: Any, _inputs: Any, _output: Any) -> None:
    if (held := norm.__dict__.pop("_held", None)) is not None:
        norm.momentum, norm.num_batches_tracked = held
