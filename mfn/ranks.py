"""The processes of one run: which this one is, and how all decide something without waiting for a device.

What decides (is a loss finite, was the run asked to stop, how many images has each process) is a handful of bytes that
are in the main memory already. It goes by gloo, whatever the gradients go by, so that no process waits for its GPU.
"""

from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

import torch
import torch.distributed as dist

T = TypeVar("T")


class Ranks(NamedTuple):
    """Which process this is, ``rank``, among ``size``."""

    rank: int = 0
    size: int = 1


def ranks() -> Ranks:
    """Of the process group, where there is one; otherwise this process is alone."""
    if not dist.is_available() or not dist.is_initialized():
        return Ranks()
    return Ranks(dist.get_rank(), dist.get_world_size())


def from_all(value: T) -> list[T]:
    """The value of each process, in the order of their ranks; all must ask at the same point."""
    if (size := ranks().size) == 1:
        return [value]
    values: list[Any] = [None] * size
    dist.all_gather_object(values, value, group=control_group())
    return values


def on_any(here: bool) -> bool:
    """Whether something is so in at least one process; all must ask at the same point."""
    if ranks().size == 1:
        return here
    found = torch.tensor(here, dtype=torch.int32)
    dist.all_reduce(found, dist.ReduceOp.MAX, group=control_group())
    return bool(found)


PATIENCE = timedelta(minutes=10)
"""How long a process waits for the others before it takes them for lost."""

_made: dict[str, Any] = {}


def control_group() -> Any:
    """The group of all processes that talks by gloo; it is made at the first call, in which all must take part."""
    return dist.group.WORLD if dist.get_backend() == "gloo" else another_group("control", "gloo")


def another_group(name: str, backend: str | None = None) -> Any:
    """A group of all processes for one purpose, whose exchanges keep their order whatever other groups do meanwhile.

    Args:
        name: Of the purpose; the group is made at the first call, in which all must take part.
        backend: What it talks by; None is what the gradients go by.
    """
    world = dist.group.WORLD
    if _made.get("world") is not world:
        _made.clear()
        _made["world"] = world
    if name not in _made:
        _made[name] = dist.new_group(backend=backend, timeout=PATIENCE)
    return _made[name]
