"""Equalising leaves the function as it was and makes the channels alike."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from mfn.export.equalize import equalized
from tests.export.networks import faces, small_deployable


class Mixed(nn.Module):
    """Grouped convolution, functional ReLU, an addition, a module that runs twice and an end that is no convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.grouped = nn.Conv2d(8, 8, 3, padding=1, groups=2)
        self.middle = nn.Conv2d(8, 8, 1)
        self.twice = nn.Conv2d(8, 8, 1)
        self.last = nn.Conv2d(8, 4, 1)
        self.linear = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.first(x))
        x = x + torch.relu(self.grouped(x))
        x = self.last(self.twice(self.twice(self.middle(x))))
        return self.linear(x.mean((2, 3)))


@pytest.mark.parametrize("options", [{}, {"input": "uint8", "l2_normalize": True}])
@pytest.mark.parametrize("balance", [0.0, 0.6, 1.0])
def test_the_paper_network_stays_the_same_function(options: dict, balance: float) -> None:
    deployable = small_deployable(**options)
    inputs = deployable.inputs(faces())
    with torch.no_grad():
        expected = deployable.network(inputs)
        network = equalized(deployable.network, inputs, balance)
        torch.testing.assert_close(network(inputs), expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
    weights = dict(deployable.network.named_parameters())
    changed = [name for name, value in network.named_parameters() if not torch.equal(value, weights[name])]
    assert len(changed) > 40


def test_other_networks_stay_the_same_function_too() -> None:
    torch.manual_seed(0)
    network, inputs = Mixed().eval(), torch.randn(4, 3, 8, 8)
    with torch.no_grad():
        network.first.weight[0] *= 1000
        flat = equalized(network, inputs)
        torch.testing.assert_close(flat(inputs), network(inputs), rtol=1e-4, atol=1e-3)
    assert not torch.equal(flat.first.weight, network.first.weight)
    assert torch.equal(flat.twice.weight, network.twice.weight)


def test_channels_that_only_a_depthwise_convolution_reads_get_one_range() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 1), nn.PReLU(8), nn.Conv2d(8, 8, 3, groups=8), nn.Flatten())
    with torch.no_grad():
        network[0].weight.mul_(torch.logspace(-1, 1, 8).view(-1, 1, 1, 1))
        inputs = torch.randn(16, 3, 8, 8)
        largest = equalized(network, inputs).get_submodule("0")(inputs).abs().amax((0, 2, 3))
    torch.testing.assert_close(largest, largest[:1].expand(8))


def test_a_network_that_cannot_be_traced_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x) if x.sum() > 0 else x

    network = Branching()
    assert torch.equal(equalized(network, torch.ones(1, 3, 4, 4)).conv.weight, network.conv.weight)
    assert "not equalised" in caplog.text
