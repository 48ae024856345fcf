"""PReLU as the larger of two is the same function, whatever its slopes and its neighbours."""

import pytest
import torch
from torch import Tensor, nn

from mfn.export.larger_prelu import LargerForm, without_prelu
from mfn.export.litert_integer import PixelConvolution
from mfn.export.network import Pixels, folded
from mfn.export.prelu import ReluForm, with_prelu
from tests.export.networks import CONTRACT, faces, small_network


class Branches(nn.Module):
    """A PReLU whose numbers are added to others, one whose input is, and one that is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = (nn.Conv2d(3, 3, 3, padding=1) for _ in range(3))
        self.added, self.of_sum, self.twice = (nn.PReLU(3) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.added(self.first(x))
        x = self.second(self.of_sum(x))
        return self.twice(self.third(self.twice(x)))


class Looping(Branches):
    """Cannot be traced."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if x.mean() > 0 else super().forward(-x)


def forms(network: nn.Module) -> list[type]:
    return [type(module) for module in network.modules() if isinstance(module, nn.PReLU | LargerForm | ReluForm)]


@torch.no_grad()
def test_channels_of_steep_slopes_change_their_sign() -> None:
    network = with_prelu(folded(small_network()), "native")
    slopes = torch.cat([module.weight for module in network.modules() if isinstance(module, nn.PReLU)])
    assert slopes.min() < -1 and slopes.max() > 1
    made, inputs = without_prelu(network), CONTRACT.normalize(torch.from_numpy(faces(4)))
    assert set(forms(made)) == {LargerForm} and set(forms(network)) == {nn.PReLU}
    torch.testing.assert_close(made(inputs), network(inputs), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [Branches, Looping])
@pytest.mark.parametrize(("slope", "form"), [(0.25, LargerForm), (1.0, LargerForm), (1.5, ReluForm)])
@torch.no_grad()
def test_elsewhere_only_gentle_slopes_do_without_a_sum(kind: type[Branches], slope: float, form: type) -> None:
    torch.manual_seed(0)
    network, inputs = kind().eval(), torch.randn(2, 3, 8, 8)
    for module in network.modules():
        if isinstance(module, nn.PReLU):
            module.weight.data = torch.tensor([slope, 0.0, -0.5])
    made = without_prelu(network)
    assert set(forms(made)) == {form}
    torch.testing.assert_close(made(inputs), network(inputs))


@torch.no_grad()
def test_pixels_are_normalised_by_a_convolution() -> None:
    pixels = CONTRACT.arrange(torch.from_numpy(faces(2)))
    torch.testing.assert_close(PixelConvolution(CONTRACT)(pixels.float()), Pixels(CONTRACT)(pixels))
