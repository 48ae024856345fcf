"""The building blocks that MobileFaceNet and InsightFace's relatives share."""

from typing import Literal

from torch import Tensor, nn

from mfn.errors import ConfigError
from mfn.models.feature_map import spread
from mfn.models.prelu import PReLU

Activation = Literal["prelu", "relu", "relu6"]
Padding = Literal["even", "tensorflow"]


class ConvBlock(nn.Sequential):
    """Convolution without bias, batch normalisation and, unless linear, an activation.

    Args:
        inputs: Input channels.
        outputs: Output channels.
        kernel: Kernel height and width; padded to keep the size at stride 1, unless ``padding`` says otherwise.
        stride: Step of the convolution.
        groups: Groups of channels; as many as channels makes it depthwise.
        activation: ``"prelu"``, ``"relu"``, ``"relu6"``, or None for a linear block.
        padding: Rows and columns of zeros on every side; ``"tensorflow"`` pads a step of 2 at the end alone, as
            TensorFlow's SAME does for images of even size.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, int] = 1,
        stride: int = 1,
        groups: int = 1,
        activation: Activation | None = "prelu",
        padding: int | Literal["tensorflow"] | None = None,
    ) -> None:
        super().__init__()
        if padding == "tensorflow" and stride > 1 and isinstance(kernel, int):
            self.pad = nn.ZeroPad2d(((kernel - 2) // 2, kernel // 2, (kernel - 2) // 2, kernel // 2))
            padding = 0
        if not isinstance(padding, int):
            padding = kernel // 2 if isinstance(kernel, int) else 0
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        if activation is not None:
            self.act = activation_layer(activation, outputs)


class InvertedResidual(nn.Module):
    """The bottleneck of MobileNetV2: expand, filter each channel, project linearly; add the input where sizes agree.

    Args:
        inputs: Input channels.
        outputs: Output channels.
        hidden: Channels between the expansion and the projection.
        stride: Step of the depthwise convolution.
        activation: Activation after the first two convolutions.
        residual: Whether to add the input; None adds it where stride is 1 and the channels agree.
        padding: Of the depthwise convolution, see ``ConvBlock``.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        hidden: int,
        stride: int,
        activation: Activation = "prelu",
        residual: bool | None = None,
        padding: Padding = "even",
    ) -> None:
        super().__init__()
        self.residual = stride == 1 and inputs == outputs if residual is None else residual
        self.expand = ConvBlock(inputs, hidden, activation=activation)
        pad = "tensorflow" if padding == "tensorflow" else None
        self.depthwise = ConvBlock(hidden, hidden, 3, stride, groups=hidden, activation=activation, padding=pad)
        self.project = ConvBlock(hidden, outputs, activation=None)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y


class GlobalDepthwise(nn.Module):
    """Linear global depthwise convolution (GDConv) and a linear 1x1 convolution to the embedding, each with BN.

    Args:
        inputs: Channels of the last feature map.
        embedding_dim: Length of the embedding.
        kernel: Height and width of the last feature map.
        dropout: Share of the pooled features dropped before the last convolution.
        between: Channels of one more linear 1x1 convolution between the two; 0 for none.

    Raises:
        ConfigError: The share is outside [0, 1).
    """

    def __init__(
        self, inputs: int, embedding_dim: int, kernel: tuple[int, int], dropout: float = 0.0, between: int = 0
    ) -> None:
        super().__init__()
        check_dropout(dropout)
        self.kernel = (int(kernel[0]), int(kernel[1]))
        self.gdc = ConvBlock(inputs, inputs, kernel=kernel, groups=inputs, activation=None)
        self.between = ConvBlock(inputs, between, activation=None) if between else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.embed = ConvBlock(between or inputs, embedding_dim, activation=None)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, height, width) of the kernel to (N, embedding_dim); in training from any size."""
        if self.training:
            x = spread(x, self.kernel)
        return self.embed(self.dropout(self.between(self.gdc(x)))).flatten(1)


class FlatLinear(nn.Sequential):
    """InsightFace's way from a feature map to the embedding ("E"): BN, dropout, all of it through a linear layer, BN.

    Args:
        inputs: Channels of the last feature map.
        embedding_dim: Length of the embedding.
        size: Height and width of the last feature map.
        dropout: Share of the features dropped before the linear layer.
        normalise: Whether the first BN is there.

    Raises:
        ConfigError: The share is outside [0, 1).
    """

    def __init__(
        self,
        inputs: int,
        embedding_dim: int,
        size: tuple[int, int],
        dropout: float = 0.0,
        normalise: bool = True,
    ) -> None:
        super().__init__()
        check_dropout(dropout)
        self.size = (int(size[0]), int(size[1]))
        if normalise:
            self.bn = nn.BatchNorm2d(inputs)
        self.dropout = nn.Dropout(dropout)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(inputs * size[0] * size[1], embedding_dim)
        self.embed_bn = nn.BatchNorm1d(embedding_dim)

    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """(N, inputs, height, width) of the size to (N, embedding_dim); in training from any size."""
        return super().forward(spread(x, self.size) if self.training else x)


def check_dropout(dropout: float) -> None:
    """Raises ``ConfigError`` unless 0 <= dropout < 1."""
    if not 0 <= dropout < 1:
        raise ConfigError(f"model.dropout must be in [0, 1), got {dropout}")


def part_of(size: tuple[int, int], share: int, name: str = "model.input_size") -> tuple[int, int]:
    """Height and width of a feature map that is so many times smaller than the images, rounded up.

    Raises:
        ConfigError: The images are smaller than that.
    """
    height, width = int(size[0]), int(size[1])
    if min(height, width) < share:
        raise ConfigError(f"{name} must be at least {share}x{share}, got {(height, width)}")
    return -(-height // share), -(-width // share)


def activation_layer(name: Activation, channels: int) -> nn.Module:
    """PReLU with a slope per channel that starts at 0.25, ReLU, or ReLU6.

    Raises:
        ConfigError: The name is none of them.
    """
    if name == "prelu":
        return PReLU(channels)
    if name == "relu":
        return nn.ReLU(inplace=True)
    if name == "relu6":
        return nn.ReLU6(inplace=True)
    raise ConfigError(f"model.activation must be prelu, relu or relu6, got {name!r}")


def initialise(network: nn.Module, bn_eps: float, bn_momentum: float, zero_init_residual: bool) -> None:
    """Sets the options of batch normalisation on every layer; convolutions keep PyTorch's own initial weights.

    Raises:
        ConfigError: An option of batch normalisation is out of range.
    """
    if bn_eps <= 0 or not 0 < bn_momentum <= 1:
        raise ConfigError(f"model.bn_eps must be positive and model.bn_momentum in (0, 1], got {bn_eps}, {bn_momentum}")
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            module.eps, module.momentum = bn_eps, bn_momentum
        elif isinstance(module, InvertedResidual) and module.residual and zero_init_residual:
            nn.init.zeros_(module.project.bn.weight)
