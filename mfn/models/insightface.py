"""InsightFace's networks ``mbf`` and ``mbf_large``: relatives of MobileFaceNet, not the network of its paper.

Layout after ``backbones/mobilefacenet.py`` of arcface_torch: more channels, hidden widths that do not follow the
input's, and in ``mbf`` a second layer that is grouped where the paper's is depthwise.
"""

from torch import Tensor, nn

from mfn.errors import ConfigError
from mfn.models.blocks import Activation, ConvBlock, GlobalDepthwise, InvertedResidual, initialise, part_of


class InsightFaceMBF(nn.Module):
    """Images to embeddings; 2.06 M parameters and 437 M multiply-adds with the defaults.

    Args:
        embedding_dim: Length of the embedding.
        input_size: Height and width of the crop.
        blocks: Residual blocks at each of the four sizes; a leading 1 stands for the grouped convolution of ``mbf``.
        scale: Channels in units of 64 (first half) and 128 (second half).
        activation: ``"prelu"`` or ``"relu"``.
        dropout: Share of the 512 features dropped before the last layer.
        bn_eps: Added to the variance in every batch normalisation.
        bn_momentum: Share of the new batch in the running statistics.
        zero_init_residual: Start each residual branch at zero.

    Raises:
        ConfigError: A value makes no sense.
    """

    last_layers = ("output.embed",)

    def __init__(
        self,
        embedding_dim: int = 512,
        input_size: tuple[int, int] = (112, 112),
        blocks: tuple[int, int, int, int] = (1, 4, 6, 2),
        scale: int = 2,
        activation: Activation = "prelu",
        dropout: float = 0.0,
        bn_eps: float = 1e-5,
        bn_momentum: float = 0.1,
        zero_init_residual: bool = False,
    ) -> None:
        super().__init__()
        if embedding_dim < 1 or scale < 1 or len(blocks) != 4 or min(blocks) < 1:
            raise ConfigError(
                "model.embedding_dim and model.scale must be positive and model.blocks four positive numbers, "
                f"got {embedding_dim}, {scale}, {tuple(blocks)}"
            )
        self.embedding_dim = embedding_dim
        self.input_size = (int(input_size[0]), int(input_size[1]))
        early, late = 64 * scale, 128 * scale

        def residuals(channels: int, hidden: int, count: int) -> list[nn.Module]:
            return [InvertedResidual(channels, channels, hidden, 1, activation) for _ in range(count)]

        def down(inputs: int, outputs: int, hidden: int) -> nn.Module:
            return InvertedResidual(inputs, outputs, hidden, 2, activation)

        second = (
            [ConvBlock(early, early, kernel=3, groups=64, activation=activation)]
            if blocks[0] == 1
            else residuals(early, 128, blocks[0])
        )
        self.features = nn.Sequential(
            ConvBlock(3, early, kernel=3, stride=2, activation=activation),
            *second,
            down(early, early, 128),
            *residuals(early, 128, blocks[1]),
            down(early, late, 256),
            *residuals(late, 256, blocks[2]),
            down(late, late, 512),
            *residuals(late, 256, blocks[3]),
            ConvBlock(late, 512, activation=activation),
        )
        self.output = GlobalDepthwise(512, embedding_dim, part_of(self.input_size, 16), dropout)
        initialise(self, bn_eps, bn_momentum, zero_init_residual)

    def forward(self, images: Tensor) -> Tensor:
        """Embeds normalised images: float (N, 3, H, W) to float (N, embedding_dim), not of unit length."""
        return self.output(self.features(images))
