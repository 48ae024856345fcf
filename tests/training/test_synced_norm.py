"""Batch normalisation over processes: what one process computes of all images at once."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mfn.errors import ConfigError
from mfn.models.mobilefacenet import MobileFaceNet
from mfn.training.synced_norm import SyncedNorms, is_synced
from tests.gloo import on_ranks

SHARES = {2: [(3, 5), (8, 0), (7, 1), (0, 8)], 3: [(1, 0, 7), (4, 4, 0)]}
"""Images of each process, 8 in all."""


def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(3, 6, 3, bias=False),
        nn.BatchNorm2d(6),
        nn.PReLU(6),
        nn.Conv2d(6, 4, 3, bias=False),
        nn.BatchNorm2d(4),
    ]
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5, bias=False), nn.BatchNorm1d(5, affine=False)]
    built = nn.Sequential(*layers)
    for number, layer in enumerate(built):
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 2)
            nn.init.uniform_(layer.bias, -1, 1)
            layer.momentum = None if number == 1 else 0.1
    return built


def images(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Far from 0, where sums of squares would lose what differs; and a weight for each image's loss."""
    draw = torch.Generator().manual_seed(1)
    pixels = 40 + torch.randn(8, 3, 9, 9, generator=draw)
    return pixels.to(dtype).contiguous(memory_format=torch.channels_last), torch.rand(8, 5, generator=draw).to(dtype)


def learn(net: nn.Module, pixels: Tensor, weights: Tensor) -> dict[str, Tensor]:
    """Two steps' statistics, and all gradients of the second."""
    pixels.requires_grad_()
    for _ in range(2):
        net.zero_grad()
        pixels.grad = None
        ((net(pixels) ** 3) * weights).sum().backward()
    assert pixels.grad is not None
    gradients: Any = {name: parameter.grad for name, parameter in net.named_parameters()}
    return gradients | {"pixels": pixels.grad} | dict(net.named_buffers())


def share_of_learning(rank: int, _: int, shares: list[tuple[int, ...]], dtype: torch.dtype) -> list[dict[str, Tensor]]:
    found = []
    for share in shares:
        net = SyncedNorms().apply(network().to(dtype))
        first = sum(share[:rank])
        rows = slice(first, first + share[rank])
        pixels, weights = images(dtype)
        found.append(learn(net, pixels[rows].detach().clone(), weights[rows]))
    return found


@pytest.mark.parametrize("size", SHARES)
@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, 2e-4), (torch.float64, 1e-10)])
def test_it_computes_what_one_process_does(size: int, dtype: torch.dtype, close: float) -> None:
    alone = learn(network().to(dtype), *images(dtype))
    of_ranks = on_ranks(size, share_of_learning, SHARES[size], dtype)
    for number in range(len(SHARES[size])):
        shares = [of_rank[number] for of_rank in of_ranks]
        for name, expected in alone.items():
            parts = [share[name] for share in shares]
            if name == "pixels":
                together = torch.cat(parts)
            elif "running" in name or "tracked" in name:
                assert all(torch.equal(part, parts[0]) for part in parts)
                together = parts[0]
            else:
                together = torch.stack(parts).sum(0)
            scale = max(1.0, float(expected.abs().max()))
            torch.testing.assert_close(together, expected, rtol=close, atol=close * scale)


def hardly_any_image(rank: int, _: int) -> list[Tensor]:
    """A step with one image in all, one without any."""
    net: Any = SyncedNorms().apply(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)))
    found = []
    for images_here in (1 - rank, 0):
        net.zero_grad()
        given = net(torch.ones(images_here, 3))
        given.square().sum().backward()
        found += [given.detach(), net[0].weight.grad.abs().sum(), net[1].running_mean + net[1].running_var]
    return found


def test_a_step_with_one_image_or_none_teaches_nothing_and_spoils_nothing() -> None:
    for rank, found in enumerate(on_ranks(2, hardly_any_image)):
        for given, gradient, statistics in (found[:3], found[3:]):
            assert torch.all(given.abs() < 1e-3) and float(gradient) < 1e-2
            assert torch.equal(statistics, torch.ones(4))
        assert len(found[0]) == 1 - rank


def low_precision(rank: int, _: int) -> tuple[Tensor, torch.dtype]:
    net: Any = SyncedNorms().apply(network())
    pixels = (images(torch.float32)[0] - 40)[4 * rank : 4 * rank + 4]
    with torch.autocast("cpu", torch.bfloat16):
        given = net[:5](pixels)
    given.float().square().mean().backward()
    return net[0].weight.grad, given.dtype


def test_it_works_in_bfloat16() -> None:
    net = network()
    with torch.autocast("cpu", torch.bfloat16):
        given = net[:5](images(torch.float32)[0] - 40)
    given.float().square().mean().backward()
    gradients, types = zip(*on_ranks(2, low_precision), strict=True)
    assert set(types) == {given.dtype}
    torch.testing.assert_close(sum(gradients) / 2, net[0].weight.grad, rtol=0.1, atol=0.02)


def test_layers_stay_the_same_objects_with_the_same_names() -> None:
    net: Any = MobileFaceNet(embedding_dim=16, input_size=(32, 32), width=0.125)
    before, layers = {name: value.clone() for name, value in net.state_dict().items()}, list(net.modules())
    kinds = [type(layer) for layer in layers]
    SyncedNorms().apply(net)
    assert any(map(is_synced, net.modules()))
    assert all(here is there for here, there in zip(net.modules(), layers, strict=True))
    assert list(net.state_dict()) == list(before)
    net(torch.randn(4, 3, 32, 32))  # alone it is what it was
    copy.deepcopy(net)
    SyncedNorms().revert(net)
    assert [type(layer) for layer in net.modules()] == kinds


def of_timm(rank: int, _: int) -> Tensor:
    from timm.layers.norm_act import BatchNormAct2d

    torch.manual_seed(0)
    layer = SyncedNorms().apply(BatchNormAct2d(3, act_layer=nn.ReLU))
    return layer(images(torch.float32)[0][4 * rank : 4 * rank + 4]).detach()


def test_layers_of_timm_keep_their_activation() -> None:
    from timm.layers.norm_act import BatchNormAct2d

    together = torch.cat(on_ranks(2, of_timm))
    expected = BatchNormAct2d(3, act_layer=nn.ReLU)(images(torch.float32)[0])
    assert float(expected.detach().min()) == 0
    torch.testing.assert_close(together, expected, rtol=1e-4, atol=1e-4)


class Odd(nn.BatchNorm2d):
    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) * 2


def test_a_normalisation_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"Odd .*trainer\.sync_batchnorm=false"):
        SyncedNorms().apply(nn.Sequential(Odd(3)))
