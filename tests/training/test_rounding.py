"""Training under int8 rounding: what is rounded, what stays, and that the network learns to bear it."""

import copy

import pytest
import torch
from torch import nn

from mfn.errors import ConfigError
from mfn.models.mobilefacenet import MobileFaceNet
from mfn.training.rounding import Int8Rounding, rounded, rounded_weight


def test_weights_take_255_values_of_each_channel_and_the_gradient_passes() -> None:
    weight = torch.randn(4, 3, 3, 3, dtype=torch.float32, requires_grad=True)
    grid = rounded_weight(weight)
    steps = weight.detach().flatten(1).abs().amax(1)[:, None] / 127
    levels = (grid.detach().flatten(1) / steps).double()
    assert torch.allclose(levels, levels.round(), atol=1e-3)
    assert levels.abs().max() <= 127 + 1e-3
    assert (grid - weight).abs().flatten(1).le(steps / 2 + 1e-6).all()
    grid.sum().backward()
    assert weight.grad is not None and torch.equal(weight.grad, torch.ones_like(weight))


@pytest.mark.parametrize(("low", "high"), [(-1.0, 3.0), (0.0, 5.0), (-2.0, 0.0), (0.0, 0.0)])
def test_activations_take_256_values_of_which_0_is_one(low: float, high: float) -> None:
    values = torch.linspace(low - 1, high + 1, 1001)[:, None].requires_grad_()
    limits = torch.tensor([low]), torch.tensor([high])
    found = rounded(values, *limits)
    step = max((high - low) / 255, 1e-12)
    assert len(found.detach().unique()) <= 256
    assert found.detach().isfinite().all()
    assert rounded(torch.zeros(1, 1), *limits) == 0
    inside = (values > low) & (values < high)
    assert (found - values)[inside].abs().le(step / 2 + 1e-6).all()
    found.sum().backward()
    assert values.grad is not None
    assert (values.grad[(values > low + step) & (values < high - step)] == 1).all()
    assert (values.grad[(values < low - step) | (values > high + step)] == 0).all()


@pytest.mark.parametrize("shape", [(5, 3, 4, 6), (5, 7, 3), (5, 3)])
def test_each_channel_has_its_own_steps(shape: tuple[int, ...]) -> None:
    axis = 1 if len(shape) == 4 else len(shape) - 1
    values = torch.rand(shape).movedim(axis, -1) * torch.tensor([1.0, 10.0, 100.0])
    high = torch.tensor([1.0, 10.0, 100.0])
    found = rounded(values.movedim(-1, axis), torch.zeros(3), high).movedim(axis, -1)
    error = (found - values).abs().flatten(0, -2).amax(0)
    assert (error <= high / 255 / 2 + 1e-4).all()
    assert (error > 0).all()


def test_only_a_rounded_run_is_rounded_and_the_network_keeps_its_names() -> None:
    torch.manual_seed(0)
    network = MobileFaceNet(input_size=(32, 32), width=0.25).eval()
    plain = copy.deepcopy(network)
    rounding = Int8Rounding(network)
    images = torch.randn(4, 3, 32, 32)
    rounding.train().run(network.train(), images)
    network.eval()
    rounding.eval()
    assert network.state_dict().keys() == plain.state_dict().keys()
    with torch.no_grad():
        assert torch.equal(network(images), plain(images))
        difference = (rounding.run(network, images) - plain(images)).abs().max()
    assert 0 < difference < 0.5 * plain(images).abs().max()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_networks_of_any_type_are_rounded(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    network = MobileFaceNet(input_size=(32, 32), width=0.25).eval()
    images = torch.randn(4, 3, 32, 32)
    expected = network(images)
    network = network.to(dtype)
    rounding = Int8Rounding(network).to(dtype).train()
    rounding.run(network, images.to(dtype))
    found = rounding.run(network, images.to(dtype))
    assert found.dtype == dtype
    assert torch.nn.functional.cosine_similarity(found.float(), expected).min() > 0.9
    found.float().square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_a_network_learns_to_give_rounded_what_it_gave_before() -> None:
    torch.manual_seed(0)
    first = nn.Conv2d(3, 8, 3, bias=False)
    network = nn.Sequential(first, nn.BatchNorm2d(8), nn.PReLU(8), nn.Flatten(), nn.Linear(72, 4))
    with torch.no_grad():
        first.weight[:, 0] *= 30  # a few large weights make the steps of a channel coarse
    teacher, rounding = copy.deepcopy(network).eval(), Int8Rounding(network)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    losses, images = [], torch.randn(64, 3, 5, 5)
    rounding.run(network, images)
    for _ in range(300):
        loss = (rounding.run(network, images) - teacher(images).detach()).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert sum(losses[-20:]) < 0.7 * sum(losses[:20])


def test_without_a_layer_there_is_nothing_to_round() -> None:
    with pytest.raises(ConfigError, match="no convolution or linear layer"):
        Int8Rounding(nn.PReLU(3))
