"""Optimiser steps over the rows that were used, and nothing else.

A table of which a step saw some rows has a sparse gradient. The optimiser, any of PyTorch's, gets a small dense
parameter in its place: before the step it is filled with those rows, their gradients and what the optimiser knows of
them, and after it all that goes back. Rows that were not used neither decay nor move on by their momentum.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from mfn.training.class_rows import has_rows


class RowUpdates:
    """Stand-ins for tables in an optimiser.

    Args:
        tables: Parameters (rows, ...) with sparse gradients.
    """

    def __init__(self, tables: Iterable[nn.Parameter]) -> None:
        self._stand_ins = {table: nn.Parameter(table.detach()[:1].clone()) for table in tables}
        self._states: dict[nn.Parameter, dict[str, Tensor]] = {table: {} for table in self._stand_ins}
        self._rows: dict[nn.Parameter, Tensor] = {}
        self._optimizer: Optimizer | None = None

    def of(self, table: nn.Parameter) -> nn.Parameter:
        """What the optimiser has in the place of a parameter: itself, if it is none of the tables."""
        return self._stand_ins.get(table, table)

    def in_place(self, groups: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Parameter groups with the stand-ins in the place of the tables."""
        return [{**group, "params": [self.of(each) for each in group["params"]]} for group in groups]

    def watch(self, optimizer: Optimizer) -> None:
        """Follows an optimiser that was made with the stand-ins."""
        self._optimizer = optimizer
        for table, stand_in in self._stand_ins.items():
            for key, value in optimizer.state.get(stand_in, {}).items():
                if has_rows(value):  # some begin with more than nothing
                    self._states[table][key] = value[:1].expand_as(table).clone()
        optimizer.register_step_post_hook(lambda *_: self._put_back())

    def fill(self) -> None:
        """After a backward pass: takes rows, gradients and state of what has been used since the last step."""
        if self._optimizer is None:
            return
        for table, stand_in in self._stand_ins.items():
            if table.grad is None:
                continue
            rows, gradient = _rows_of(table.grad)
            self._rows[table] = rows
            stand_in.data = table.detach().index_select(0, rows)
            stand_in.grad = gradient
            taken = {key: kept.index_select(0, rows) for key, kept in self._states[table].items()}
            self._optimizer.state[stand_in].update(taken)

    @torch.no_grad()
    def _put_back(self) -> None:
        assert self._optimizer is not None
        for table, rows in self._rows.items():
            stand_in = self._stand_ins[table]
            table.index_copy_(0, rows, stand_in.detach())
            state, kept = self._optimizer.state[stand_in], self._states[table]
            for key, value in state.items():
                if has_rows(value):
                    kept.setdefault(key, torch.zeros_like(table, dtype=value.dtype)).index_copy_(0, rows, value)
        self.forget()

    def forget(self) -> None:
        """Lets go of what a step that is over, or will not be, was to change."""
        self._rows.clear()
        for table, stand_in in self._stand_ins.items():
            table.grad = stand_in.grad = None

    def whole_state(self, saved: dict[str, Any]) -> None:
        """Puts what is known of all rows into an optimiser's saved state, in place of what is known of some."""
        for number, table in self._numbered().items():
            if number in saved["state"]:
                saved["state"][number] = {**saved["state"][number], **self._states[table]}

    def take_state(self, saved: dict[str, Any]) -> dict[str, Any]:
        """Takes what is known of all rows out of an optimiser's saved state; the rest of it as a new one."""
        rest = dict(saved["state"])
        for number, table in self._numbered().items():
            of_table = rest.get(number, {})
            self._states[table] = {key: value.to(table.device) for key, value in of_table.items() if has_rows(value)}
            if number in rest:
                rest[number] = {key: value[:1] if has_rows(value) else value for key, value in of_table.items()}
        return {**saved, "state": rest}

    def _numbered(self) -> dict[int, nn.Parameter]:
        """The tables by their stand-ins' numbers in the optimiser's state."""
        assert self._optimizer is not None
        by_stand_in = {id(stand_in): table for table, stand_in in self._stand_ins.items()}
        parameters = (parameter for group in self._optimizer.param_groups for parameter in group["params"])
        return {number: by_stand_in[id(each)] for number, each in enumerate(parameters) if id(each) in by_stand_in}


def _rows_of(gradient: Tensor) -> tuple[Tensor, Tensor]:
    """The rows that a gradient has, each once, and their values."""
    if not gradient.is_sparse:
        return torch.arange(len(gradient), device=gradient.device), gradient
    rows = gradient._indices()[0]
    if bool((rows.diff() > 0).all()):  # from one step: there is nothing to put together
        return rows, gradient._values()
    gradient = gradient.coalesce()
    return gradient.indices()[0], gradient.values()
