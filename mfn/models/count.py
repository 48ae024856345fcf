"""How large a network is: parameters, multiply-adds, bytes."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class NetworkSize:
    """Size of a network.

    Attributes:
        parameters: Trainable numbers.
        multiply_adds: Multiply-adds of all convolutions and linear layers for one image; not those of attention.
        megabytes: Parameters and running statistics as float32, in units of 10**6 bytes.
    """

    parameters: int
    multiply_adds: int
    megabytes: float


def network_size(network: nn.Module, input_size: tuple[int, int]) -> NetworkSize:
    """Counts one forward pass of a single image.

    Args:
        network: Takes float (N, 3, H, W).
        input_size: Height and width of the image.
    """
    multiply_adds = 0

    def count(module: nn.Module, _inputs: Any, output: Tensor) -> None:
        nonlocal multiply_adds
        weight = module.weight
        assert isinstance(weight, Tensor)
        multiply_adds += weight.numel() * (output.numel() // weight.shape[0])  # so many places of one image

    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    was_training = network.training
    device = next(network.parameters()).device
    try:
        with torch.no_grad():
            network.eval()(torch.zeros(1, 3, *input_size, device=device))
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    stored = sum(t.numel() for t in network.state_dict().values() if t.is_floating_point())
    return NetworkSize(sum(p.numel() for p in network.parameters()), multiply_adds, 4 * stored / 1e6)
