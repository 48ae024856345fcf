"""Depthwise convolutions whose backward pass in bfloat16 does not dominate training on a CPU."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

Pair = tuple[int, int]


def with_fast_depthwise(network: nn.Module) -> None:
    """Gives the depthwise convolutions of a network that is to learn a backward pass of their own, where one is needed.

    Weights, their names and the function that the network computes stay what they are; what is exported is built anew
    and does without.
    """
    for module in network.modules():
        if type(module) is nn.Conv2d and module.groups == module.in_channels == module.out_channels > 1:
            module.__class__ = DepthwiseConv2d


class DepthwiseConv2d(nn.Conv2d):
    """``nn.Conv2d`` with as many groups as channels, for learning in bfloat16 on a CPU.

    PyTorch's CPU kernels for two of its gradients are slow there. With a step above 1 that of the input takes 15 to 100
    times as long as in float32. It is itself a depthwise convolution with a step of 1: of the output's gradient with
    zeros put between its pixels, by the kernel turned around (Dumoulin and Visin, arXiv 1603.07285, section 4.5). For
    that there is a fast kernel, which adds up in float32 as the slow one does. And a kernel that covers the whole input
    has a gradient that is a sum of products.
    """

    def forward(self, input: Tensor) -> Tensor:
        """(N, channels, H, W) to (N, channels, ...), as ``nn.Conv2d``."""
        if not self._by_hand(input):
            return super().forward(input)
        assert not isinstance(self.padding, str)
        output = _Depthwise.apply(
            input.to(torch.bfloat16), self.weight.to(torch.bfloat16), _pair(self.stride), _pair(self.padding)
        )
        return output if self.bias is None else output + self.bias.to(torch.bfloat16).view(-1, 1, 1)

    def _by_hand(self, input: Tensor) -> bool:
        """Whether PyTorch would take a slow way; never where a network is written to a file, or used."""
        if not torch.is_grad_enabled() or input.device.type != "cpu" or input.dim() != 4:
            return False
        autocast = torch.is_autocast_enabled("cpu")
        dtype = torch.get_autocast_dtype("cpu") if autocast else input.dtype
        if dtype != torch.bfloat16 or (not autocast and self.weight.dtype != dtype):
            return False
        if torch.compiler.is_exporting() or torch._C._get_tracing_state() is not None:
            return False
        if isinstance(self.padding, str) or self.padding_mode != "zeros" or max(self.dilation) > 1:
            return False
        return max(self.stride) > 1 or _covers(self.kernel_size, input.shape[2:], self.padding)


def _pair(values: tuple[int, ...]) -> Pair:
    return values[0], values[1]


def _covers(kernel: tuple[int, ...], size: tuple[int, ...], padding: tuple[int, ...]) -> bool:
    return tuple(kernel) == tuple(size) and not any(padding)


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor, stride: Pair, padding: Pair) -> Tensor:
        ctx.save_for_backward(x, kernel)
        ctx.stride, ctx.padding = stride, padding
        return functional.conv2d(x, kernel, None, stride, padding, 1, len(kernel))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, kernel = ctx.saved_tensors
        stride, padding, size = ctx.stride, ctx.padding, _pair(x.shape[2:])
        wanted = ctx.needs_input_grad
        found: list[Tensor | None] = [None, None]
        if wanted[0] and max(stride) > 1 and all(p < k for p, k in zip(padding, kernel.shape[2:], strict=True)):
            found[0] = input_gradient(gradient, kernel, size, stride, padding)
        if wanted[1] and _covers(kernel.shape[2:], size, padding):
            found[1] = (x.float() * gradient.float()).sum(0).unsqueeze(1).to(kernel.dtype)
        left = [want and have is None for want, have in zip(wanted, found, strict=False)]
        if any(left):
            geometry = (stride, padding, (1, 1), False, (0, 0), len(kernel))
            rest = torch.ops.aten.convolution_backward(gradient, x, kernel, None, *geometry, (*left, False))
            found = [theirs if want else ours for want, ours, theirs in zip(left, found, rest, strict=False)]
        return found[0], found[1], None, None


def input_gradient(gradient: Tensor, kernel: Tensor, size: Pair, stride: Pair, padding: Pair) -> Tensor:
    """Gradient of a depthwise convolution's input, as a depthwise convolution with a step of 1.

    Args:
        gradient: Of its output, (N, C, h, w).
        kernel: (C, 1, kh, kw).
        size: Height and width of the input.
        stride: Of the convolution.
        padding: Of the convolution, below the kernel's size.

    Returns:
        (N, C, height, width), channels-last.
    """
    count, channels, height, width = gradient.shape
    turned = [side - 1 - pad for side, pad in zip(kernel.shape[2:], padding, strict=True)]
    spread = [whole + 2 * pad - side + 1 for whole, pad, side in zip(size, padding, kernel.shape[2:], strict=True)]
    apart = gradient.new_zeros(count, spread[0], spread[1], channels).permute(0, 3, 1, 2)
    apart[:, :, : height * stride[0] : stride[0], : width * stride[1] : stride[1]] = gradient
    return functional.conv2d(apart, kernel.flip(2, 3), None, 1, turned, 1, channels)
