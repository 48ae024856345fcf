"""GhostFaceNetV1: GhostNet for faces (Alansari et al. 2023, https://doi.org/10.1109/ACCESS.2023.3266068).

Half of each layer's channels come from a convolution, the other half from a cheap depthwise one of the first half.
"""

import torch
from torch import Tensor, nn

from mfn.errors import ConfigError
from mfn.models.blocks import Activation, ConvBlock, GlobalDepthwise, activation_layer, initialise, part_of

UNITS = (
    (3, 16, 16, 0, 1),
    *((3, 48, 24, 0, 2), (3, 72, 24, 0, 1)),
    *((5, 72, 40, 1, 2), (5, 120, 40, 1, 1)),
    *((3, 240, 80, 0, 2), (3, 200, 80, 0, 1), (3, 184, 80, 0, 1), (3, 184, 80, 0, 1)),
    *((3, 480, 112, 1, 1), (3, 672, 112, 1, 1)),
    *((5, 672, 160, 1, 2), (5, 960, 160, 0, 1), (5, 960, 160, 1, 1), (5, 960, 160, 0, 1), (5, 512, 160, 1, 1)),
)
"""Kernel, expanded channels, output channels, squeeze-and-excitation or not, stride (GhostNet, table 1)."""


class GhostModule(nn.Module):
    """A 1x1 convolution to half of the channels, and a depthwise 3x3 of these to the other half.

    Args:
        inputs: Input channels.
        outputs: Output channels, even.
        activation: After both, or None.
    """

    def __init__(self, inputs: int, outputs: int, activation: Activation | None) -> None:
        super().__init__()
        half = outputs // 2
        self.primary = ConvBlock(inputs, half, activation=activation)
        self.cheap = ConvBlock(half, half, kernel=3, groups=half, activation=activation)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H, W)."""
        primary = self.primary(x)
        return torch.cat([primary, self.cheap(primary)], dim=1)


class SqueezeExcite(nn.Module):
    """Weighs channels by what the whole feature map holds (Hu et al. 2018), in GhostNet's form.

    Args:
        channels: Of the feature map.
        hidden: Channels between the two convolutions.
        activation: Between them.
        gate: After them.
    """

    def __init__(self, channels: int, hidden: int, activation: nn.Module, gate: nn.Module) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, hidden, 1)
        self.activation = activation
        self.expand = nn.Conv2d(hidden, channels, 1)
        self.gate = gate

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) to the same shape."""
        return x * self.gate(self.expand(self.activation(self.reduce(x.mean((2, 3), keepdim=True)))))


class GhostBottleneck(nn.Module):
    """Expand, filter where the size halves, weigh the channels, project; and the input beside it.

    Args:
        inputs: Input channels.
        hidden: Channels in between.
        outputs: Output channels.
        kernel: Of the depthwise convolutions.
        stride: 1 or 2.
        weighs: Whether channels are weighed.
        activation: After the expansion.
    """

    def __init__(
        self, inputs: int, hidden: int, outputs: int, kernel: int, stride: int, weighs: bool, activation: Activation
    ) -> None:
        super().__init__()
        inner: list[nn.Module] = [GhostModule(inputs, hidden, activation)]
        if stride > 1:
            inner.append(ConvBlock(hidden, hidden, kernel, stride, groups=hidden, activation=None))
        if weighs:
            reduced = _divisible(hidden / 4)
            inner.append(SqueezeExcite(hidden, reduced, activation_layer(activation, reduced), nn.Hardsigmoid()))
        inner.append(GhostModule(hidden, outputs, None))
        self.inner = nn.Sequential(*inner)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            filtered = ConvBlock(inputs, inputs, kernel, stride, groups=inputs, activation=None)
            self.shortcut = nn.Sequential(filtered, ConvBlock(inputs, outputs, activation=None))

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        return self.inner(x) + self.shortcut(x)


class GhostFaceNet(nn.Module):
    """Images to embeddings: 4.04 M parameters and 59 M multiply-adds (V1-2), or 212 M with ``stem_stride=1`` (V1-1).

    Args:
        embedding_dim: Length of the embedding.
        input_size: Height and width of the crop.
        width: Multiplies the channels.
        stem_stride: Step of the first convolution: 2 for V1-2, 1 for V1-1.
        activation: ``"prelu"`` as in the paper, or ``"relu"``.
        dropout: Share of the pooled features dropped before the last layer.
        bn_eps: Added to the variance in every batch normalisation.
        bn_momentum: Share of the new batch in the running statistics.

    Raises:
        ConfigError: A value makes no sense.
    """

    last_layers = ("output.embed",)

    def __init__(
        self,
        embedding_dim: int = 512,
        input_size: tuple[int, int] = (112, 112),
        width: float = 1.3,
        stem_stride: int = 2,
        activation: Activation = "prelu",
        dropout: float = 0.0,
        bn_eps: float = 1e-5,
        bn_momentum: float = 0.1,
    ) -> None:
        super().__init__()
        if embedding_dim < 1 or width <= 0 or stem_stride not in (1, 2):
            raise ConfigError(
                "model.embedding_dim and model.width must be positive and model.stem_stride 1 or 2, got "
                f"{embedding_dim}, {width}, {stem_stride}"
            )
        self.embedding_dim = embedding_dim
        self.input_size = (int(input_size[0]), int(input_size[1]))
        inputs = _divisible(16 * width)
        layers: list[nn.Module] = [ConvBlock(3, inputs, kernel=3, stride=stem_stride, activation=activation)]
        for kernel, hidden, outputs, weighs, stride in UNITS:
            hidden, outputs = _divisible(hidden * width), _divisible(outputs * width)
            layers.append(GhostBottleneck(inputs, hidden, outputs, kernel, stride, bool(weighs), activation))
            inputs = outputs
        last = _divisible(512 * width)
        layers.append(ConvBlock(inputs, last, activation=activation))
        self.features = nn.Sequential(*layers)
        self.output = GlobalDepthwise(last, embedding_dim, part_of(self.input_size, 16 * stem_stride), dropout)
        initialise(self, bn_eps, bn_momentum, zero_init_residual=False)

    def forward(self, images: Tensor) -> Tensor:
        """Embeds normalised images: float (N, 3, H, W) to float (N, embedding_dim), not of unit length."""
        return self.output(self.features(images))


def _divisible(channels: float, by: int = 4) -> int:
    """The nearest multiple, and not below nine tenths of it."""
    nearest = max(by, int(channels + by / 2) // by * by)
    return nearest + by if nearest < 0.9 * channels else nearest
