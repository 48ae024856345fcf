"""The network of OpenCV's SFace: MobileNetV1 at full resolution with PReLU, after InsightFace's ``fmobilenet``."""

from torch import Tensor, nn

from mfn.errors import ConfigError
from mfn.models.blocks import ConvBlock, FlatLinear, initialise, part_of

LAYERS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
"""Output channels and stride of each depthwise separable convolution."""


class SFaceNet(nn.Module):
    """Images to embeddings: 9.7 M parameters with the defaults, two thirds of them in the last linear layer.

    Args:
        embedding_dim: Length of the embedding.
        input_size: Height and width of the crop.
        dropout: Share of the last feature map dropped before the linear layer.
        bn_eps: Added to the variance in every batch normalisation.
        bn_momentum: Share of the new batch in the running statistics.

    Raises:
        ConfigError: A value makes no sense.
    """

    last_layers = ("output.fc", "output.embed_bn")

    def __init__(
        self,
        embedding_dim: int = 128,
        input_size: tuple[int, int] = (112, 112),
        dropout: float = 0.4,
        bn_eps: float = 1e-5,
        bn_momentum: float = 0.1,
    ) -> None:
        super().__init__()
        if embedding_dim < 1:
            raise ConfigError(f"model.embedding_dim must be positive, got {embedding_dim}")
        self.embedding_dim = embedding_dim
        self.input_size = (int(input_size[0]), int(input_size[1]))
        layers: list[nn.Module] = [ConvBlock(3, 32, kernel=3)]
        inputs = 32
        for outputs, stride in LAYERS:
            layers += [ConvBlock(inputs, inputs, kernel=3, stride=stride, groups=inputs), ConvBlock(inputs, outputs)]
            inputs = outputs
        self.features = nn.Sequential(*layers)
        self.output = FlatLinear(inputs, embedding_dim, part_of(self.input_size, 16), dropout, normalise=False)
        initialise(self, bn_eps, bn_momentum, zero_init_residual=False)

    def forward(self, images: Tensor) -> Tensor:
        """Embeds normalised images: float (N, 3, H, W) to float (N, embedding_dim), not of unit length."""
        return self.output(self.features(images))
