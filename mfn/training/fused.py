"""Optimisers that take a step in one kernel, and what that means for 16-bit training."""

from typing import Any

import torch
from lightning import Trainer
from omegaconf import DictConfig
from torch import Tensor
from torch.optim import Optimizer

from mfn.errors import ConfigError


def settle_fused(config: DictConfig) -> None:
    """Fills in ``optimizer.fused`` where it was left open: on a CUDA device, unless the gradients are clipped in fp16.

    A fused optimiser takes the scale out of fp16 gradients by itself, within its step and without asking the host
    whether they are finite; nobody can clip them before.

    Args:
        config: The composed ``conf/train.yaml``; it is changed.

    Raises:
        ConfigError: It is set, and the gradients are to be clipped.
    """
    if "fused" not in config.optimizer:
        return
    clips_scaled = config.trainer.precision in ("16-mixed", "16", 16) and config.trainer.gradient_clip_val is not None
    if config.optimizer.fused and clips_scaled:
        raise ConfigError(
            "optimizer.fused=true with trainer.precision=16-mixed leaves nothing to clip: set optimizer.fused=false, "
            "trainer.precision=bf16-mixed or trainer.gradient_clip_val=null"
        )
    if config.optimizer.fused is None:
        config.optimizer.fused = trains_on(config) == "cuda" and not clips_scaled


def trains_on(config: DictConfig) -> str:
    """Kind of the device that a run will use, ``cuda``, ``mps`` or ``cpu``, as Lightning chooses it."""
    wanted = str(config.trainer.accelerator)
    if wanted in ("cpu", "cuda", "mps"):
        return wanted
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def loss_scale(trainer: Trainer, optimizer: Optimizer) -> Tensor | float:
    """The factor that is still in the gradients before the optimiser's step, where they lie."""
    scaler: Any = getattr(trainer.precision_plugin, "scaler", None)
    if scaler is None or not getattr(optimizer, "_step_supports_amp_scaling", False):
        return 1.0
    return scaler.scale(torch.ones((), device=trainer.strategy.root_device))
