"""MixFaceNet: depthwise kernels of several sizes side by side (Boutros et al. 2021, https://arxiv.org/abs/2107.13046)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from mfn.errors import ConfigError
from mfn.models.blocks import activation_layer, check_dropout, part_of
from mfn.models.feature_map import spread
from mfn.models.ghostfacenet import SqueezeExcite


class Unit(NamedTuple):
    """One row of MixNet-S's table.

    Attributes:
        channels: Output channels.
        expand: Groups of the expansion.
        kernels: Depthwise kernels side by side, of 3, 5, 7 and so on.
        project: Groups of the projection.
        factor: Expansion.
        reduction: Of the expansion within squeeze-and-excitation; 0 for none.
        stride: 1 or 2.
    """

    channels: int
    expand: int
    kernels: int
    project: int
    factor: int
    reduction: int
    stride: int


UNITS = (
    *(Unit(24, 2, 1, 2, 6, 0, 1), Unit(24, 2, 1, 2, 3, 0, 1)),
    *(Unit(40, 1, 3, 1, 6, 2, 2), *[Unit(40, 2, 2, 2, 6, 2, 1)] * 3),
    *(Unit(80, 1, 3, 2, 6, 4, 2), *[Unit(80, 1, 2, 2, 6, 4, 1)] * 2),
    *(Unit(120, 2, 3, 2, 6, 2, 1), *[Unit(120, 2, 4, 2, 3, 2, 1)] * 2),
    *(Unit(200, 1, 5, 1, 6, 2, 2), *[Unit(200, 1, 4, 2, 6, 2, 1)] * 2),
)
"""MixFaceNet-S (paper, table 1, and the authors' code); the first two have PReLU, the others Swish."""


class MixConv(nn.Module):
    """Convolutions side by side, each on its share of the channels.

    Args:
        inputs: Input channels.
        outputs: Output channels.
        kernels: Kernel of each.
        stride: Step of all.
        depthwise: Whether each channel is filtered by itself.
    """

    def __init__(self, inputs: int, outputs: int, kernels: tuple[int, ...], stride: int = 1, depthwise: bool = False):
        super().__init__()
        self.shares = _shares(inputs, len(kernels))
        self.convs = nn.ModuleList(
            nn.Conv2d(i, o, k, stride, k // 2, groups=i if depthwise else 1, bias=False)
            for i, o, k in zip(self.shares, _shares(outputs, len(kernels)), kernels, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        if len(self.convs) == 1:
            return self.convs[0](x)
        return torch.cat([conv(part) for conv, part in zip(self.convs, x.split(self.shares, 1), strict=True)], dim=1)


class MixUnit(nn.Module):
    """Expand, filter by several kernels, weigh the channels, project; then shuffle them between two groups.

    Args:
        inputs: Input channels.
        unit: What it is like.
        outputs: Output channels.
        activation: ``"prelu"`` or ``"swish"``.
        shuffle: Whether channels are shuffled (ShuffleMixFaceNet).
    """

    def __init__(self, inputs: int, unit: Unit, outputs: int, activation: str, shuffle: bool) -> None:
        super().__init__()
        hidden = inputs * unit.factor
        layers: list[nn.Module] = []
        if unit.factor > 1:
            layers += [
                MixConv(inputs, hidden, (1,) * unit.expand),
                nn.BatchNorm2d(hidden),
                _activation(activation, hidden),
            ]
        kernels = tuple(3 + 2 * index for index in range(unit.kernels))
        filtered = MixConv(hidden, hidden, kernels, unit.stride, depthwise=True)
        layers += [filtered, nn.BatchNorm2d(hidden), _activation(activation, hidden)]
        if unit.reduction:
            reduced = hidden // (unit.factor * unit.reduction)
            layers.append(SqueezeExcite(hidden, reduced, _activation(activation, reduced), nn.Sigmoid()))
        layers += [MixConv(hidden, outputs, (1,) * unit.project), nn.BatchNorm2d(outputs)]
        self.inner = nn.Sequential(*layers)
        self.residual = unit.stride == 1 and inputs == outputs
        self.shuffle = nn.ChannelShuffle(2) if shuffle else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        y = self.inner(x)
        return self.shuffle(x + y if self.residual else y)


class MixFaceNet(nn.Module):
    """Images to embeddings: 3.07 M parameters at width 1 (S), 1.04 M at width 0.5 with 512 last channels (XS).

    Args:
        embedding_dim: Length of the embedding.
        input_size: Height and width of the crop.
        width: Multiplies the channels of the units.
        last_channels: Channels before the global depthwise convolution.
        shuffle: Shuffle channels after each unit, as ShuffleMixFaceNet does.
        dropout: Share of the pooled features dropped before the last layer.

    Raises:
        ConfigError: A value makes no sense.
    """

    last_layers = ("embed", "embed_bn")

    def __init__(
        self,
        embedding_dim: int = 512,
        input_size: tuple[int, int] = (112, 112),
        width: float = 1.0,
        last_channels: int = 1024,
        shuffle: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if embedding_dim < 1 or width <= 0 or last_channels < 1:
            raise ConfigError(
                "model.embedding_dim, model.width and model.last_channels must be positive, got "
                f"{embedding_dim}, {width}, {last_channels}"
            )
        check_dropout(dropout)
        self.embedding_dim = embedding_dim
        self.input_size = (int(input_size[0]), int(input_size[1]))
        inputs = _rounded(16 * width)
        stem = [nn.Conv2d(3, inputs, 3, 2, 1, bias=False), nn.BatchNorm2d(inputs), _activation("prelu", inputs)]
        layers: list[nn.Module] = [*stem, MixUnit(inputs, Unit(16, 1, 1, 1, 1, 0, 1), inputs, "prelu", shuffle)]
        for index, unit in enumerate(UNITS):
            outputs = _rounded(unit.channels * width)
            layers.append(MixUnit(inputs, unit, outputs, "prelu" if index < 2 else "swish", shuffle))
            inputs = outputs
        tail = [nn.Conv2d(inputs, last_channels, 1, bias=False), nn.BatchNorm2d(last_channels)]
        self.features = nn.Sequential(*layers, *tail, _activation("prelu", last_channels))
        self.kernel = kernel = part_of(self.input_size, 16)
        self.gdc = nn.Sequential(
            nn.Conv2d(last_channels, last_channels, kernel, groups=last_channels, bias=False),
            nn.BatchNorm2d(last_channels),
        )
        self.dropout = nn.Dropout(dropout)
        self.embed = nn.Conv2d(last_channels, embedding_dim, 1, bias=False)
        self.embed_bn = nn.BatchNorm1d(embedding_dim)

    def forward(self, images: Tensor) -> Tensor:
        """Embeds normalised images: float (N, 3, H, W) to float (N, embedding_dim), not of unit length."""
        x = self.features(images)
        x = spread(x, self.kernel) if self.training else x
        return self.embed_bn(self.embed(self.dropout(self.gdc(x))).flatten(1))


def _activation(name: str, channels: int) -> nn.Module:
    return nn.SiLU(inplace=True) if name == "swish" else activation_layer("prelu", channels)


def _shares(channels: int, parts: int) -> list[int]:
    """As even as can be, what is left over to the first."""
    return [channels // parts + channels % parts, *[channels // parts] * (parts - 1)]


def _rounded(channels: float) -> int:
    """To a multiple of 8, and not below nine tenths."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest
