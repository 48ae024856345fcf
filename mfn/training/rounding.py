"""Weights and activations rounded as int8 files round them, while the network that learns stays a float one."""

from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from mfn.errors import ConfigError

LOW, HIGH = -128, 127


def rounded_weight(weight: Tensor) -> Tensor:
    """The nearest values that int8 has, with a scale for each output channel; the gradient passes through.

    Batch normalisation multiplies a channel as a whole, so that folding it into the weights changes nothing here.

    Args:
        weight: float (outputs, ...).
    """
    values = weight.float()
    scale = values.detach().flatten(1).abs().amax(1).clamp_min(1e-12) / HIGH
    zero = torch.zeros_like(scale, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(values, scale, zero, 0, -HIGH, HIGH).to(weight.dtype)


def rounded(values: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """The nearest values that int8 has between the two limits of a channel; outside of them there is no gradient.

    Args:
        values: float (N, C, H, W) or (..., C).
        low: float (C,), not above 0, which int8 must be able to say.
        high: float (C,), not below 0.
    """
    low, high = low.float(), high.float()  # a network in bfloat16 has its ranges in it too
    scale = ((high - low) / (HIGH - LOW)).clamp_min(1e-12)
    zero = (LOW - torch.round(low / scale)).clamp(LOW, HIGH).to(torch.int32)
    axis = _channels(values)
    return torch.fake_quantize_per_channel_affine(values.float(), scale, zero, axis, LOW, HIGH).to(values.dtype)


def _channels(values: Tensor) -> int:
    return 1 if values.ndim == 4 else values.ndim - 1


class _Range(nn.Module):
    """What the values of each channel lie between, as batches have shown it.

    Args:
        channels: How many there are.
        momentum: Share of the newest batch.
    """

    low: Tensor
    high: Tensor
    seen: Tensor

    def __init__(self, channels: int, momentum: float) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("low", torch.zeros(channels))
        self.register_buffer("high", torch.zeros(channels))
        self.register_buffer("seen", torch.zeros((), dtype=torch.bool))

    def forward(self, values: Tensor) -> Tensor:
        if self.training:
            with torch.no_grad():
                rows = values.detach().float().movedim(_channels(values), -1).flatten(0, -2)
                low, high = torch.aminmax(rows, dim=0)
                share = torch.where(self.seen, self.momentum, 1.0)
                self.low += share * (low.clamp_max(0) - self.low)
                self.high += share * (high.clamp_min(0) - self.high)
                self.seen.fill_(True)
        return torch.where(self.seen, rounded(values, self.low, self.high), values)


class Int8Rounding(nn.Module):
    """Runs a network with its weights and activations rounded to int8 (Jacob et al., arXiv 1712.05877, section 3).

    What enters a convolution or linear layer is rounded, and what leaves it (behind its batch normalisation, if there
    is one), as in the files that ``mfn export precision=int8`` writes. Each channel has a range of its own, since an
    export evens the channels of a tensor out before it gives them one. The network keeps its names and float weights,
    and its batch normalisation the statistics it has, since such files hold these.

    Args:
        network: Its convolutions and linear layers get hooks that work in :meth:`run` alone.
        momentum: Share of the newest batch in the ranges.

    Raises:
        ConfigError: It has no layer that could be rounded.
    """

    def __init__(self, network: nn.Module, momentum: float = 0.05) -> None:
        super().__init__()
        self.ranges = nn.ModuleDict()
        self.weights: list[str] = []
        self._running = False
        for name, module in network.named_modules():
            key = name.replace(".", "/")
            if isinstance(module, (_ConvNd, nn.Linear)):
                self.weights.append(f"{name}.weight" if name else "weight")
                channels = module.in_channels if isinstance(module, _ConvNd) else module.in_features
                self.ranges[f"{key}/in"] = _Range(channels, momentum)
                module.register_forward_pre_hook(partial(self._before, f"{key}/in"))
            elif isinstance(module, _BatchNorm):
                self.ranges[f"{key}/out"] = _Range(module.num_features, momentum)
                module.register_forward_hook(partial(self._behind, f"{key}/out"))
        if not self.weights:
            raise ConfigError(f"qat=true: {type(network).__name__} has no convolution or linear layer to round")

    def run(self, network: nn.Module, images: Tensor) -> Tensor:
        """What the network gives, rounded all along: (N, 3, H, W) to (N, D)."""
        parameters = dict(network.named_parameters())
        weights = {name: rounded_weight(parameters[name]) for name in self.weights}
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
        self._running = True
        try:
            return functional_call(network, weights, (images,))
        finally:
            self._running = False

    def _before(self, key: str, _: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        return (self.ranges[key](inputs[0]), *inputs[1:]) if self._running else None

    def _behind(self, key: str, _: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        return self.ranges[key](output) if self._running else None
