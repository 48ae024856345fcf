"""A network of the paper's blocks, shallow so that rounding does not pile up as it does in random deep networks."""

import torch
from torch import Tensor, nn

from mfn.export.metadata import described
from mfn.export.network import Deployable, ExportOptions, deployable
from mfn.models.blocks import ConvBlock, GlobalDepthwise, InvertedResidual
from tests.export.networks import CONTRACT, faces


class Shallow(nn.Module):
    """Float (N, 3, 32, 32) to (N, 16)."""

    def __init__(self) -> None:
        super().__init__()
        blocks = (
            ConvBlock(3, 16, kernel=3, stride=2),
            InvertedResidual(16, 16, 32, 2),
            InvertedResidual(16, 16, 32, 1),
        )
        self.features = nn.Sequential(*blocks, ConvBlock(16, 32))
        self.output = GlobalDepthwise(32, 16, (8, 8))

    def forward(self, x: Tensor) -> Tensor:
        return self.output(self.features(x))


def shallow_network() -> nn.Module:
    """Channels inside the blocks differ hundredfold in range, as those of trained networks do."""
    torch.manual_seed(0)
    network = Shallow()
    for name, module in network.named_modules():
        if isinstance(module, nn.PReLU):
            nn.init.uniform_(module.weight, -0.5, 0.5)
        elif isinstance(module, nn.BatchNorm2d):
            module.momentum = None
            if "expand" in name:
                module.weight.data.mul_(torch.logspace(-1, 1, len(module.weight)))
    with torch.no_grad():
        for _ in range(6):
            network.train()(CONTRACT.normalize(torch.from_numpy(faces(24))))
    return network.eval()


def shallow_deployable(**options: str) -> Deployable:
    return described(deployable(shallow_network(), CONTRACT, ExportOptions(**options)))
