"""What the class centres of a run take of the memory, before it begins."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from mfn.heads.head import Head
from mfn.training.class_rows import has_rows

_NUMBER = 4
"""Bytes of a float32."""


@dataclass(frozen=True)
class HeadMemory:
    """Bytes that the head of one process needs.

    Args:
        classes: Of this process.
        of_a_class: Numbers of a class: its centres, and its bias if it has one.
        images: Of a step, of all processes together.
        states: Numbers that the optimiser keeps for each.
        matrices: Matrices of images and classes that exist at a time.
        sample_rate: Share of the classes in a step.
        offload: Whether the centres stay in the main memory.
    """

    classes: int
    of_a_class: int
    images: int
    states: int
    matrices: int
    sample_rate: float = 1.0
    offload: bool = False

    @property
    def in_a_step(self) -> int:
        """Classes that take part in one, at most."""
        if self.sample_rate == 1:
            return self.classes
        return min(self.classes, round(self.sample_rate * self.classes) + self.images)

    def parts(self) -> dict[str, int]:
        """Bytes by what they are for."""
        table, rows = (_NUMBER * self.of_a_class * each for each in (self.classes, self.in_a_step))
        parts = {"weights": table, "gradients": rows, "optimiser": self.states * table}
        if self.sample_rate < 1 or self.offload:
            parts["rows in use"] = (2 + self.states) * rows if self.sample_rate < 1 else rows
        return parts | {"logits": _NUMBER * self.matrices * self.images * self.in_a_step}

    def on_device(self) -> int:
        """Bytes where the network is; the rest is in the main memory."""
        parts = self.parts()
        if not self.offload:
            return sum(parts.values())
        return 2 * _NUMBER * self.of_a_class * self.in_a_step + parts["logits"]  # the rows and their gradient

    def sentence(self) -> str:
        """``weights 43.9 MB, gradients 43.9 MB, optimiser 43.9 MB, logits 175.6 MB: 307.3 MB``."""
        parts = self.parts()
        told = ", ".join(f"{name} {megabytes(size)}" for name, size in parts.items())
        whole = f"{told}: {megabytes(sum(parts.values()))}"
        return f"{whole}, of which {megabytes(self.on_device())} beside the network" if self.offload else whole

    def smaller(self) -> dict[str, int]:
        """Bytes beside the network under other settings, by what to type."""
        ways = {
            "head.sample_rate=0.1": replace(self, sample_rate=min(0.1, self.sample_rate)),
            "head.sample_rate=0.02": replace(self, sample_rate=min(0.02, self.sample_rate)),
            "head.offload=true": replace(self, offload=True),
            "head.sample_rate=0.1 head.offload=true": replace(self, sample_rate=0.1, offload=True),
            "half the data.batch_size": replace(self, images=self.images // 2),
        }
        return {words: way.on_device() for words, way in ways.items() if way.on_device() < 0.95 * self.on_device()}


def head_memory(
    head: nn.Module, images: int, make_optimizer: Callable[[list[dict[str, Any]]], Optimizer]
) -> HeadMemory | None:
    """What a head will need; None where it has no class centres.

    Args:
        head: Of this process.
        images: Of a step, of all processes together.
        make_optimizer: Takes parameter groups.
    """
    heads = [each for each in head.modules() if isinstance(each, Head)]
    if not heads:
        return None
    one = heads[-1]  # of two stages the second has the margin
    tables = {id(table): table for each in heads for table in (getattr(each, name) for name in each.of_classes)}
    classes = one.part.end - one.part.first
    return HeadMemory(
        classes,
        sum(table.numel() for table in tables.values()) // classes,
        images,
        _states(make_optimizer),
        1 if getattr(one, "is_fused", False) else 4,
        max(each.sample_rate for each in heads),
        one.offload,
    )


def _states(make_optimizer: Callable[[list[dict[str, Any]]], Optimizer]) -> int:
    """Numbers that an optimiser keeps for each of its own, found out by a step."""
    parameter = nn.Parameter(torch.zeros(2))
    optimizer = make_optimizer([{"params": [parameter]}])
    parameter.grad = torch.ones(2)
    optimizer.step()
    return sum(has_rows(value) for value in optimizer.state[parameter].values())


def free_bytes(device: torch.device) -> int | None:
    """Memory that is left where a network will be; None where nobody tells."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type != "cpu" or not (told := Path("/proc/meminfo")).exists():
        return None
    lines = dict(line.split(":", 1) for line in told.read_text().splitlines())
    return 1024 * int(lines["MemAvailable"].split()[0])


def advice(memory: HeadMemory, free: int | None) -> str | None:
    """What to change where the head will not fit, or None where it does, or where nobody knows.

    Args:
        memory: That it needs.
        free: Bytes that are left beside the network, which needs some too.
    """
    if free is None or memory.on_device() < 0.8 * free:
        return None
    ways = ", ".join(f"{words} {megabytes(size)}" for words, size in memory.smaller().items())
    return (
        f"the head needs {megabytes(memory.on_device())} of the {megabytes(free)} that are left, beside the network; "
        f"it would need less with {ways}"
    )


def megabytes(size: float) -> str:
    """``43.9 MB`` or ``2.3 GB``, of 10^6 and 10^9 bytes."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
