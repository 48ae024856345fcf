"""PReLU in the forms that runtimes run well; all are the same function."""

import copy
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

PReLUForm = Literal["native", "relu", "maxmin"]
"""``native``: ``nn.PReLU``; ``relu``: ``a * x + (1 - a) * relu(x)``; ``maxmin``: ``max(x, 0) + a * min(x, 0)``."""


class ReluForm(nn.Module):
    """``a * x + (1 - a) * relu(x)``: Mul, Relu and Add instead of PRelu, for which ONNX Runtime's kernel is slow.

    Args:
        slope: float (C,), the slope of each channel.
    """

    slope: Tensor
    rest: Tensor

    def __init__(self, slope: Tensor) -> None:
        super().__init__()
        self.register_buffer("slope", slope.detach().clone().view(1, -1, 1, 1))
        self.register_buffer("rest", 1 - slope.detach().clone().view(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        return self.slope * x + self.rest * functional.relu(x)


class SlopedForm(nn.Module):
    """A form that knows the slopes and nothing else.

    Args:
        slope: float (C,), the slope of each channel.
    """

    slope: Tensor

    def __init__(self, slope: Tensor) -> None:
        super().__init__()
        self.register_buffer("slope", slope.detach().clone().view(1, -1, 1, 1))


class MaxMinForm(SlopedForm):
    """``max(x, 0) + a * min(x, 0)``, for runtimes that join Relu with the convolution before it."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        return functional.relu(x) + self.slope * torch.clamp(x, max=0)


def with_prelu(network: nn.Module, form: PReLUForm) -> nn.Module:
    """A copy of the network with every PReLU in another form.

    Args:
        network: Any module; it is not changed.
        form: What takes the place of each ``nn.PReLU``.
    """
    network = copy.deepcopy(network)
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.PReLU):
                setattr(module, name, _in_form(child, form))
    return network.eval()


def _in_form(prelu: nn.PReLU, form: PReLUForm) -> nn.Module:
    slope = prelu.weight.detach()
    if form == "relu":
        return ReluForm(slope)
    if form == "maxmin":
        return MaxMinForm(slope)
    plain = nn.PReLU(len(slope)).requires_grad_(False)  # not ours, whose backward pass exporters cannot follow
    plain.weight.copy_(slope)
    return plain
