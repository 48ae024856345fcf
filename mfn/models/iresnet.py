"""InsightFace's residual networks IResNet-18, 34, 50 and 100, by its layer names, so that its weights fit.

Layout after ``backbones/iresnet.py`` of arcface_torch: "improved" residual units (BN, 3x3, BN, PReLU, 3x3, BN; Deng
et al. 2019, section 3.2.1), and the whole last feature map through one linear layer.
"""

from torch import Tensor, nn

from mfn.errors import ConfigError
from mfn.models.blocks import check_dropout, initialise, part_of
from mfn.models.feature_map import spread
from mfn.models.prelu import PReLU

UNITS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 14, 3), 100: (3, 13, 30, 3)}
"""Residual units of each stage by depth."""


class ResidualUnit(nn.Module):
    """BN, 3x3, BN, PReLU, 3x3, BN, and the input added, through a 1x1 convolution where its shape changes.

    Args:
        inputs: Input channels.
        outputs: Output channels.
        stride: Step of the second convolution.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.prelu = PReLU(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        y = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        y = self.bn3(self.conv2(y))
        return y + (x if self.downsample is None else self.downsample(x))


class IResNet(nn.Module):
    """Images to embeddings: 24.0, 34.1, 43.6 and 65.2 M parameters at depth 18, 34, 50 and 100.

    Args:
        embedding_dim: Length of the embedding.
        input_size: Height and width of the crop.
        depth: 18, 34, 50 or 100.
        dropout: Share of the last feature map dropped before the linear layer.
        bn_eps: Added to the variance in every batch normalisation.
        bn_momentum: Share of the new batch in the running statistics.

    Raises:
        ConfigError: A value makes no sense.
    """

    last_layers = ("fc", "features")

    def __init__(
        self,
        embedding_dim: int = 512,
        input_size: tuple[int, int] = (112, 112),
        depth: int = 50,
        dropout: float = 0.0,
        bn_eps: float = 1e-5,
        bn_momentum: float = 0.1,
    ) -> None:
        super().__init__()
        if embedding_dim < 1 or depth not in UNITS:
            raise ConfigError(
                f"model.embedding_dim must be positive and model.depth one of {', '.join(map(str, UNITS))}, got "
                f"{embedding_dim}, {depth}"
            )
        check_dropout(dropout)
        self.embedding_dim = embedding_dim
        self.input_size = (int(input_size[0]), int(input_size[1]))
        self.map_size = height, width = part_of(self.input_size, 16)
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.prelu = PReLU(64)
        self.layer1 = _stage(64, 64, UNITS[depth][0])
        self.layer2 = _stage(64, 128, UNITS[depth][1])
        self.layer3 = _stage(128, 256, UNITS[depth][2])
        self.layer4 = _stage(256, 512, UNITS[depth][3])
        self.bn2 = nn.BatchNorm2d(512)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(512 * height * width, embedding_dim)
        self.features = nn.BatchNorm1d(embedding_dim)
        nn.init.constant_(self.features.weight, 1.0)
        self.features.weight.requires_grad = False
        initialise(self, bn_eps, bn_momentum, zero_init_residual=False)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, 0, 0.1)

    def forward(self, images: Tensor) -> Tensor:
        """Embeds normalised images: float (N, 3, H, W) to float (N, embedding_dim), not of unit length."""
        x = self.prelu(self.bn1(self.conv1(images)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        x = spread(x, self.map_size) if self.training else x
        return self.features(self.fc(self.dropout(self.bn2(x)).flatten(1)))


def _stage(inputs: int, outputs: int, count: int) -> nn.Sequential:
    """Units of one size, the first of which halves the feature map."""
    return nn.Sequential(ResidualUnit(inputs, outputs, 2), *[ResidualUnit(outputs, outputs) for _ in range(count - 1)])
