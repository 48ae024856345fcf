"""MobileFaceNet exactly as in the paper's Table 1 (Chen et al., arXiv 1804.07573)."""

from collections import OrderedDict
from typing import Literal

from torch import Tensor, nn

from mfn.errors import ConfigError
from mfn.models.blocks import Activation, ConvBlock, GlobalDepthwise, InvertedResidual, Padding, initialise, part_of

BOTTLENECKS = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))
"""Expansion, output channels, repeats and first stride of each stage (paper, Table 1)."""


class MobileFaceNet(nn.Module):
    """Images to embeddings: 1.003 M parameters and 221 M multiply-adds at 112x112 and 128-d.

    Args:
        embedding_dim: Length of the embedding.
        input_size: Height and width of the crop; the global depthwise kernel is a sixteenth of it.
        width: Multiplies every channel count but the embedding's; results are rounded to multiples of 8.
        expansion: Multiplies the expansion of every bottleneck.
        activation: ``"prelu"`` (paper), ``"relu"`` or ``"relu6"``.
        dropout: Share of the 512 features dropped before the last layer; 0 in the paper.
        bn_eps: Added to the variance in every batch normalisation.
        bn_momentum: Share of the new batch in the running statistics.
        zero_init_residual: Start each residual branch at zero, which makes the untrained network shallow.
        stem_pointwise: One more 1x1 convolution after the first depthwise one, as in foamliu's (``"active"``) and
            sirius-ai's (``"linear"``) networks; None in the paper.
        stem_activation: Of these two convolutions; None takes ``activation``.
        between: Channels of one more linear 1x1 convolution after the global depthwise one, 512 in sirius-ai's
            network; 0 in the paper.
        padding: ``"even"``, or ``"tensorflow"`` for networks that TensorFlow trained.

    Raises:
        ConfigError: A value makes no sense.
    """

    last_layers = ("output.embed",)

    def __init__(
        self,
        embedding_dim: int = 128,
        input_size: tuple[int, int] = (112, 112),
        width: float = 1.0,
        expansion: float = 1.0,
        activation: Activation = "prelu",
        dropout: float = 0.0,
        bn_eps: float = 1e-5,
        bn_momentum: float = 0.1,
        zero_init_residual: bool = False,
        stem_pointwise: Literal["linear", "active"] | None = None,
        stem_activation: Activation | None = None,
        between: int = 0,
        padding: Padding = "even",
    ) -> None:
        super().__init__()
        if embedding_dim < 1 or width <= 0 or expansion <= 0:
            raise ConfigError(
                "model.embedding_dim, model.width and model.expansion must be positive, "
                f"got {embedding_dim}, {width}, {expansion}"
            )
        if stem_pointwise not in (None, "linear", "active") or between < 0 or padding not in ("even", "tensorflow"):
            raise ConfigError(
                "model.stem_pointwise must be linear, active or null, model.between not negative, model.padding even "
                f"or tensorflow, got {stem_pointwise}, {between}, {padding}"
            )
        self.embedding_dim = embedding_dim
        self.input_size = (int(input_size[0]), int(input_size[1]))

        def channels(count: float) -> int:
            return max(8, round(count * width / 8) * 8)

        stem = channels(64)
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        pad = "tensorflow" if padding == "tensorflow" else None
        layers["conv1"] = ConvBlock(3, stem, kernel=3, stride=2, activation=activation, padding=pad)
        layers["dw1"] = ConvBlock(stem, stem, kernel=3, groups=stem, activation=stem_activation or activation)
        if stem_pointwise is not None:
            active = (stem_activation or activation) if stem_pointwise == "active" else None
            layers["pw1"] = ConvBlock(stem, stem, activation=active)
        inputs = stem
        for stage, (factor, outputs, repeats, stride) in enumerate(BOTTLENECKS, start=1):
            for index in range(repeats):
                layers[f"stage{stage}_{index}"] = InvertedResidual(
                    inputs,
                    channels(outputs),
                    hidden=max(8, round(inputs * factor * expansion / 8) * 8),
                    stride=stride if index == 0 else 1,
                    activation=activation,
                    padding=padding,
                )
                inputs = channels(outputs)
        layers["conv2"] = ConvBlock(inputs, channels(512), activation=activation)
        self.features = nn.Sequential(layers)
        self.output = GlobalDepthwise(channels(512), embedding_dim, part_of(self.input_size, 16), dropout, between)
        initialise(self, bn_eps, bn_momentum, zero_init_residual)

    def forward(self, images: Tensor) -> Tensor:
        """Embeds normalised images.

        Args:
            images: float (N, 3, H, W), normalised as the input contract says.

        Returns:
            float (N, embedding_dim), not of unit length.
        """
        return self.output(self.features(images))
