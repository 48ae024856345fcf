"""The fastest precision that keeps accuracy, on the device that a run gets."""

import time
from functools import cache
from typing import NamedTuple

import torch
from omegaconf import DictConfig

from mfn.config.train import PICKED
from mfn.training.devices import place
from mfn.training.fused import trains_on

FLOAT32, BF16 = "32-true", "bf16-mixed"
_AMPERE = (8, 0)
"""NVIDIA's first generation that multiplies bfloat16."""
_CPU_BF16 = ("amx_bf16", "avx512_bf16")
"""Instructions of x86 processors that do; some take longer by them than in float32."""
_FASTER = 1.25
"""How many times as fast products in bfloat16 have to be: on processors of both kinds it was 2.4 and 0.5."""


class Picked(NamedTuple):
    """A precision, as Lightning calls it, and the reason for it, in words that follow it."""

    precision: str
    why: str


def pick_precision(device: str, exact: str | None = None) -> Picked:
    """What to compute in: bfloat16 where the device has it in its instructions and is faster by them, else float32.

    Trained both ways on drawn and on real faces, a network came to the same accuracy within its interval
    (docs/speed.md).

    Args:
        device: cpu | cuda | mps.
        exact: A setting that wants float32, as the user writes it; None where there is none.
    """
    if exact is not None:
        return Picked(FLOAT32, f"{exact} stays in float32")
    if device == "cuda":
        capability = min(torch.cuda.get_device_capability(each) for each in range(torch.cuda.device_count()))
        name = f"compute capability {capability[0]}.{capability[1]}"
        if capability >= _AMPERE:
            return Picked(BF16, f"{name} multiplies bfloat16")
        return Picked(FLOAT32, f"{name} has no bfloat16; trainer.precision=16-mixed may be faster")
    if device == "cpu":
        if (found := cpu_bf16()) is None:
            return Picked(FLOAT32, "this CPU multiplies no bfloat16")
        if bf16_speed() < _FASTER:
            return Picked(FLOAT32, f"this CPU has {found} and multiplies bfloat16 no faster by it")
        return Picked(BF16, f"this CPU multiplies bfloat16 faster, by {found}")
    return Picked(FLOAT32, f"bfloat16 on {device} was never measured")


def cpu_bf16() -> str | None:
    """The instructions by which this CPU multiplies bfloat16, None where it only imitates it."""
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()  # PyTorch 2.6 does not tell
    return next((name for name in _CPU_BF16 if capabilities.get(name)), None)


@cache
def bf16_speed(side: int = 512, rounds: int = 10) -> float:
    """How many times as fast as in float32 this CPU multiplies in bfloat16: the best rounds of both, in turns.

    Args:
        side: Of the square matrices.
        rounds: Of each type, a few milliseconds each.
    """
    matrices = {dtype: torch.ones(side, side, dtype=dtype) for dtype in (torch.float32, torch.bfloat16)}
    best = dict.fromkeys(matrices, float("inf"))
    for _ in range(rounds):
        for dtype, matrix in matrices.items():
            start = time.perf_counter()
            torch.mm(matrix, matrix)
            best[dtype] = min(best[dtype], time.perf_counter() - start)
    return best[torch.float32] / best[torch.bfloat16]


def settle_precision(config: DictConfig) -> None:
    """Fills in ``trainer.precision`` where it is ``auto``, and the reason.

    Args:
        config: The composed ``conf/train.yaml``; it is changed.
    """
    if config.trainer.precision != PICKED:
        return
    picked = pick_precision(trains_on(config), _exact(config))
    config.trainer.precision = picked.precision
    config.why_precision = picked.why


def _exact(config: DictConfig) -> str | None:
    """The setting that wants float32, where there is one."""
    if config.get("qat"):
        return "qat=true"
    if "blocks" in (config.get("distill") or ()):
        return "distill=[blocks]"
    if trains_on(config) == "cpu" and (processes := place(config.trainer.copy())) > 1:
        return f"a run of {processes} processes on CPUs"  # whose measurements might not agree
    return None


def fastest_sentence(config: DictConfig) -> str:
    """One sentence: on what and in which setting a run computes, and why; of a settled configuration."""
    why = (
        f"{config.why_precision}; trainer.precision={FLOAT32 if config.trainer.precision == BF16 else BF16} changes it"
    )
    layout = "channels-last" if config.channels_last else "channels first"
    compiled = "compiled" if config.compile else "not compiled (compile=true takes a minute or more at the start)"
    return (
        f"on {trains_on(config)}: precision {config.trainer.precision}"
        f"{f' ({why})' if config.get('why_precision') else ''}, {layout}, {compiled}"
    )
