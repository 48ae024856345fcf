"""Which parameters decay, and how strongly: one function, so that it can be tested and shown as a table."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from mfn.errors import ConfigError


def parameter_groups(
    backbone: nn.Module,
    head: nn.Module,
    weight_decay: float,
    last_weight_decay: float,
    lr: float,
    head_lr_factor: float = 1.0,
    norm_lr_factor: float = 1.0,
) -> list[dict[str, Any]]:
    """Splits all parameters into optimiser groups.

    What has one dimension, as batch normalisation, PReLU slopes and biases, does not decay, and neither does what the
    backbone names by a method ``no_weight_decay``. The layers after the global depthwise convolution and
    the head decay more than the rest (paper, section 4.1: 4e-4 against 4e-5). Frozen parameters are left out.

    Args:
        backbone: Its attribute ``last_layers`` names the modules after its features; there are none without it.
        head: Its weights are class centres.
        weight_decay: For the backbone.
        last_weight_decay: For the layers after the global depthwise convolution and the head.
        lr: Learning rate of the backbone.
        head_lr_factor: The head learns this many times faster.
        norm_lr_factor: So do the backbone's parameters of one dimension.

    Returns:
        Groups with ``name``, ``params``, ``lr`` and ``weight_decay``; empty ones are left out.

    Raises:
        ConfigError: A number is negative.
    """
    for key, value in {
        "optimizer.weight_decay": weight_decay,
        "decay.last": last_weight_decay,
        "optimizer.lr": lr,
        "head_lr_factor": head_lr_factor,
        "norm_lr_factor": norm_lr_factor,
    }.items():
        if value < 0:
            raise ConfigError(f"{key} must not be negative, got {value}")
    groups: dict[str, dict[str, Any]] = {
        "backbone": {"lr": lr, "weight_decay": weight_decay},
        "last layer": {"lr": lr, "weight_decay": last_weight_decay},
        "norm, PReLU, bias": {"lr": lr * norm_lr_factor, "weight_decay": 0.0},
        "head": {"lr": lr * head_lr_factor, "weight_decay": last_weight_decay},
        "head bias": {"lr": lr * head_lr_factor, "weight_decay": 0.0},
    }
    members: dict[str, list[nn.Parameter]] = {name: [] for name in groups}
    last = tuple(f"{name}." for name in getattr(backbone, "last_layers", ()))
    exempt = getattr(backbone, "no_weight_decay", set)()
    for name, parameter in backbone.named_parameters():
        if parameter.ndim <= 1 or name in exempt:
            members["norm, PReLU, bias"].append(parameter)
        else:
            members["last layer" if name.startswith(last) else "backbone"].append(parameter)
    for name, parameter in head.named_parameters():
        members["head bias" if name.endswith("bias") else "head"].append(parameter)
    return [
        {"name": name, "params": trainable, **settings}
        for name, settings in groups.items()
        if (trainable := [p for p in members[name] if p.requires_grad])
    ]


def group_rows(groups: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """One row per group for the table at the start of a run."""
    return [
        {
            "group": str(group["name"]),
            "tensors": str(len(group["params"])),
            "numbers": f"{sum(p.numel() for p in group['params']):,}",
            "learning rate": f"{group['lr']:g}",
            "weight decay": f"{group['weight_decay']:g}",
        }
        for group in groups
    ]
