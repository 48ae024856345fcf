"""The rows of a head's classes during a run: how the optimiser changes them, and how they come into a checkpoint."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from mfn.heads.head import Head
from mfn.heads.part import WHOLE
from mfn.training.class_rows import (
    class_tables,
    gradient_norm,
    parts_of,
    put_optimizer_together,
    put_state_together,
    take_optimizer_apart,
    take_state_apart,
)
from mfn.training.row_updates import RowUpdates

_STATES = ("state_dict", "current_model_state")
"""Where a checkpoint has the module's state; with averaged weights there are two."""


class HeadRows:
    """What a run does for the class centres of its head, sampled or shared out over processes.

    Args:
        owner: The module that has the head as ``head``; its state is what checkpoints hold.
        head: Any; one without classes has no rows, and nothing happens.
    """

    def __init__(self, owner: nn.Module, head: nn.Module) -> None:
        heads = [each for each in head.modules() if isinstance(each, Head)]
        parameters = {id(getattr(each, name)): each.part for each in heads for name in each.of_classes}
        sampled = [getattr(each, name) for each in heads if each.sample_rate < 1 for name in each.of_classes]
        self.part = heads[0].part if heads else WHOLE
        self._tables = {f"head.{name}": part for name, part in class_tables(head).items()}
        self._updates = RowUpdates(sampled)
        # The optimiser's own, with its stand-ins
        of_tables = [getattr(each, name) for each in heads for name in each.of_classes]
        self._parts = {id(self._updates.of(each)): parameters[id(each)] for each in of_tables}
        if not self.part.is_all:
            # DistributedDataParallel would make each process's classes those of the first
            owner._ddp_params_and_buffers_to_ignore = list(self._tables)  # type: ignore[assignment]

    def holds(self, parameter: nn.Parameter) -> bool:
        """Whether a parameter has rows for classes of this process alone, and is nobody else's."""
        return not self.part.is_all and id(self._updates.of(parameter)) in self._parts

    def in_place(self, groups: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Parameter groups as the optimiser gets them."""
        return self._updates.in_place(groups)

    def watch(self, optimizer: Optimizer) -> None:
        """Follows the optimiser, and its state when it is loaded."""
        self._updates.watch(optimizer)
        optimizer.register_load_state_dict_pre_hook(self._load)

    def _load(self, optimizer: Optimizer, state: dict[str, Any]) -> dict[str, Any]:
        return self._updates.take_state(take_optimizer_apart(state, parts_of(optimizer, self._parts)))

    def after_backward(self, optimizer: Optimizer, scaled: bool) -> None:
        """Hands the gradients of the rows in use to the optimiser.

        Args:
            optimizer: That of the run.
            scaled: Whether it passes over a step whose gradients are not finite; then all processes do.
        """
        self._updates.fill()
        if scaled and not self.part.is_all:
            common, own = self._gradients(optimizer)
            lost = self.part.highest((~torch.isfinite(nn.utils.get_total_norm(own))).float().to(common[0].device))
            common[0].view(-1)[0] += torch.where(lost > 0, torch.inf, 0.0)

    def forget(self) -> None:
        """Before gradients begin anew."""
        self._updates.forget()

    def gradient_norm(self, optimizer: Optimizer) -> Tensor:
        """The length of the whole gradient, of all processes."""
        return gradient_norm(*self._gradients(optimizer), self.part)

    def clip(self, optimizer: Optimizer, longest: float) -> None:
        """Shortens the whole gradient, in all processes alike."""
        parameters = [each for group in optimizer.param_groups for each in group["params"]]
        nn.utils.clip_grads_with_norm_(parameters, longest, self.gradient_norm(optimizer))

    def _gradients(self, optimizer: Optimizer) -> tuple[list[Tensor], list[Tensor]]:
        """Gradients that all processes have, and those of the own classes."""
        parameters = [each for group in optimizer.param_groups for each in group["params"] if each.grad is not None]
        common = [each.grad for each in parameters if id(each) not in self._parts]
        return common, [each.grad for each in parameters if id(each) in self._parts]

    def put_together(self, checkpoint: dict[str, Any], optimizers: Sequence[Optimizer]) -> None:
        """Makes a checkpoint whole, in the first process; all must do it at the same point."""
        for name in _STATES:
            if name in checkpoint:
                put_state_together(checkpoint[name], self._tables)
        for optimizer, state in zip(optimizers, checkpoint.get("optimizer_states", ()), strict=False):
            self._updates.whole_state(state)
            put_optimizer_together(state, parts_of(optimizer, self._parts))

    def take_apart(self, checkpoint: dict[str, Any]) -> None:
        """Leaves of a checkpoint's weights what this process holds; the optimiser's state follows when it is loaded."""
        for name in _STATES:
            if name in checkpoint:
                take_state_apart(checkpoint[name], self._tables)
