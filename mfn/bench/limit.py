"""The least time that a training step can take on a machine, from what it multiplies and what it moves."""

import functools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

_LONG = 0.05
"""Seconds of a product behind which no larger one is tried."""
_NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)


class Rates(NamedTuple):
    """What a machine does at best.

    Attributes:
        operations: Per second, of a large matrix product; a multiplication and an addition are two.
        bytes: Per second, read and written while a large tensor is copied.
    """

    operations: float
    bytes: float


class Work(NamedTuple):
    """What a step does for one image.

    Attributes:
        operations: Of the matrix products: convolutions that are not depthwise, and linear layers.
        numbers: Read or written by what is limited by memory: depthwise convolutions and normalisation.
    """

    operations: float
    numbers: float


def measured_rates(device: str, dtype: torch.dtype, side: int = 2048, rounds: int = 5) -> Rates:
    """The best of some rounds of a square matrix product and of a copy out of any cache.

    Args:
        device: cpu | cuda | mps.
        dtype: Of the numbers.
        side: Of the matrices; fewer where a product takes long, as in a type that the processor does not know, which
            would need minutes for a rate that hardly depends on the side there.
        rounds: Of each.
    """
    source = torch.zeros(32 * 2**20, device=device)
    target = torch.zeros_like(source)
    move = _best(lambda: target.copy_(source), device, rounds)
    return Rates(_operations(device, dtype, side, rounds), 2 * source.numel() * source.element_size() / move)


def _operations(device: str, dtype: torch.dtype, most: int, rounds: int) -> float:
    """Per second, of a product of matrices that are as large as is useful."""
    side = min(256, most)
    while True:
        one, other = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
        product = torch.empty_like(one)
        seconds = _best(functools.partial(torch.mm, one, other, out=product), device, rounds)
        if 2 * side > most or seconds > _LONG:
            return 2 * side**3 / seconds
        side *= 2


def work_of(network: nn.Module, size: tuple[int, int]) -> Work:
    """What a forward and a backward pass of one image come to, from the shapes that a forward pass has.

    A matrix product has two more behind it in the backward pass, only one of them for the first
    layer, whose input needs no gradient.
    A depthwise convolution reads its input and writes its output; then it reads the gradient and the input and writes
    the input's gradient. Normalisation reads twice and writes once, then reads twice two maps and writes one.
    Activations and additions are counted as done in passing, and so is all else.

    Args:
        network: Takes float (N, 3, H, W).
        size: Height and width.
    """
    products: list[float] = []
    numbers = 0.0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal numbers
        given, made = inputs[0].numel() / 2, output.numel() / 2  # of one of the two images
        if isinstance(module, _NORMS):
            numbers += 8 * made
        elif isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            numbers += (given + made) + (2 * given + made)
        else:
            weight: Any = module.weight
            products.append(2 * weight.numel() * made / weight.shape[0])

    kinds = (nn.Conv2d, nn.Linear, *_NORMS)
    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, kinds)]  # pyright: ignore[reportArgumentType]
    was_training = network.training
    try:
        with torch.no_grad():
            network.eval()(torch.zeros(2, 3, *size))
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    return Work(3 * sum(products) - (products[0] if products else 0), numbers)


def least_seconds(work: Work, rates: Rates, dtype: torch.dtype, batch: int, of_head: float, parameters: int) -> float:
    """Seconds of a step at these rates, one thing after the other.

    Args:
        work: Of the network for one image.
        rates: In this type.
        dtype: That maps are kept in.
        batch: Images of a step.
        of_head: Seconds of the head's matrix products, which are float32 whatever the network is.
        parameters: Of network and head; SGD with momentum reads three float32 numbers of each and writes two.
    """
    moved = batch * work.numbers * dtype.itemsize + 5 * 4 * parameters
    return batch * work.operations / rates.operations + moved / rates.bytes + of_head


def _best(function: Callable[[], object], device: str, rounds: int) -> float:
    times = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        function()
        if device != "cpu":
            torch.accelerator.synchronize()
        times.append(time.perf_counter() - start)
    return min(times[1:])
