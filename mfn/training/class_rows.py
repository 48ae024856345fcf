"""What has rows for each class, when every process of a run holds some of the classes: put together, and taken apart.

A checkpoint is whole: it says nothing of how many processes wrote it, and any number goes on from it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.optim import Optimizer

from mfn.heads.head import Head
from mfn.heads.part import Part
from mfn.ranks import control_group


def class_tables(module: nn.Module) -> dict[str, Part]:
    """The tensors of a module's state that have rows for each class, and whose classes they are."""
    heads = [(name, part) for name, part in module.named_modules() if isinstance(part, Head)]
    return {f"{name}.{table}".lstrip("."): head.part for name, head in heads for table in head.of_classes}


def put_together(own: Tensor, part: Part) -> Tensor:
    """The rows of all classes, in the main memory of the first process; the others send theirs, and keep them.

    All processes must call it at the same point.

    Args:
        own: (rows of the own classes, ...).
        part: Which classes those are.
    """
    if part.is_all:
        return own
    own, group = own.detach(), control_group()
    if part.rank > 0:
        dist.send(own.cpu().contiguous(), 0, group=group)
        return own
    of_a_class = len(own) // (part.end - part.first)
    whole = torch.empty((part.total * of_a_class, *own.shape[1:]), dtype=own.dtype)
    whole[: len(own)] = own
    for rank in range(1, part.size):
        other = part._replace(rank=rank)
        dist.recv(whole[other.first * of_a_class : other.end * of_a_class], rank, group=group)
    return whole


def taken_apart(whole: Tensor, part: Part) -> Tensor:
    """The rows of a process's own classes."""
    if part.is_all:
        return whole
    of_a_class = len(whole) // part.total
    return whole[part.first * of_a_class : part.end * of_a_class].clone()


def put_state_together(state: dict[str, Any], tables: Mapping[str, Part]) -> None:
    """Makes a module's state whole, in place; names of one and the same tensor stay that."""
    known: dict[int, Tensor] = {}
    for name, part in tables.items():
        if name in state:
            place = state[name].data_ptr()
            known[place] = known[place] if place in known else put_together(state[name], part)
            state[name] = known[place]


def take_state_apart(state: dict[str, Any], tables: Mapping[str, Part]) -> None:
    """Leaves of a module's whole state what the process holds, in place."""
    for name in tables.keys() & state.keys():
        state[name] = taken_apart(state[name], tables[name])


def put_optimizer_together(state: dict[str, Any], parts: Mapping[int, Part]) -> None:
    """Makes an optimiser's state whole, in place.

    Args:
        state: Its ``state_dict()``, whose inner dictionaries are the optimiser's own and stay as they are.
        parts: Whose classes the parameters have rows for that do, by their numbers in the state.
    """
    for number, part in sorted(parts.items()):
        of_table = state["state"].get(number, {})
        whole = {key: put_together(of_table[key], part) for key in sorted(of_table) if has_rows(of_table[key])}
        if of_table:
            state["state"][number] = {**of_table, **whole}


def take_optimizer_apart(state: dict[str, Any], parts: Mapping[int, Part]) -> dict[str, Any]:
    """What a process holds of an optimiser's whole state, as a new one."""
    apart = dict(state["state"])
    for number in parts.keys() & apart.keys():
        apart[number] = {
            key: taken_apart(value, parts[number]) if has_rows(value) else value for key, value in apart[number].items()
        }
    return {**state, "state": apart}


def has_rows(value: Any) -> bool:
    """Whether a value of an optimiser's state has rows as its parameter has, and is no number of steps."""
    return isinstance(value, Tensor) and value.ndim > 0


def parts_of(optimizer: Optimizer, tables: Mapping[int, Part]) -> dict[int, Part]:
    """Whose classes an optimiser's parameters have rows for.

    Args:
        optimizer: Any.
        tables: By the parameters' ``id``.

    Returns:
        By the parameters' numbers in its state.
    """
    parameters = (parameter for group in optimizer.param_groups for parameter in group["params"])
    return {number: tables[id(each)] for number, each in enumerate(parameters) if id(each) in tables}


def gradient_norm(common: Iterable[Tensor], own: Iterable[Tensor], part: Part) -> Tensor:
    """The length of the whole gradient, of all processes.

    Args:
        common: Gradients that all processes have.
        own: Those of the process's own classes.
        part: Which these are.
    """
    norms = [nn.utils.get_total_norm(list(each)) for each in (common, own)]
    whole = part.sum(norms[1].square()).to(norms[0].device)
    return (norms[0].square() + whole).sqrt()
