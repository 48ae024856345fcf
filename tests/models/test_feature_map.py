"""Feature maps of smaller images at the size that a global layer was made for."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from mfn.models.feature_map import spread
from mfn.models.ghostfacenet import GhostFaceNet
from mfn.models.insightface import InsightFaceMBF
from mfn.models.iresnet import IResNet
from mfn.models.mixfacenet import MixFaceNet
from mfn.models.mobilefacenet import MobileFaceNet
from mfn.models.sface import SFaceNet
from mfn.models.timm_backbone import TimmBackbone


def test_a_map_of_the_size_stays_the_very_same() -> None:
    x = torch.randn(2, 3, 7, 5)
    assert spread(x, (7, 5)) is x


def test_whole_multiples_repeat_and_average() -> None:
    x = torch.randn(2, 3, 2, 3)
    assert torch.allclose(spread(x, (4, 9)), x.repeat_interleave(2, 2).repeat_interleave(3, 3), atol=1e-6)
    assert torch.allclose(spread(spread(x, (4, 9)), (2, 3)), x, atol=1e-6)


@pytest.mark.parametrize("size", [(4, 4), (6, 6), (4, 3), (1, 1), (9, 2)])
def test_the_mean_stays_and_so_does_an_even_map(size: tuple[int, int]) -> None:
    x = torch.randn(2, 8, *size)
    wide = spread(x, (7, 7))
    assert torch.allclose(wide.mean((2, 3)), x.mean((2, 3)), atol=1e-5)
    assert torch.allclose(spread(torch.ones(1, 1, *size), (7, 7)), torch.ones(1, 1, 7, 7), atol=1e-6)


def test_a_global_convolution_sees_a_kernel_whose_weights_are_summed_by_area() -> None:
    x, kernel = torch.randn(3, 5, 4, 4), torch.randn(5, 1, 7, 7, requires_grad=True)
    wide = functional.conv2d(spread(x, (7, 7)), kernel, groups=5)
    cover = torch.stack([spread(row.reshape(1, 1, 4, 1), (7, 1)).reshape(7) for row in torch.eye(4)])  # (4, 7)
    small = torch.einsum("ki,cmij,lj->cmkl", cover, kernel, cover)
    assert torch.allclose(small.sum((2, 3)), kernel.sum((2, 3)), atol=1e-4)
    assert torch.allclose(wide, functional.conv2d(x, small, groups=5), atol=1e-4)
    wide.square().sum().backward()
    assert kernel.grad is not None and (kernel.grad.abs() > 0).all()  # all 7x7 learn from 4x4 cells


def network(name: str) -> nn.Module:
    """A small network of a kind, for images of 64x64."""
    size = {"input_size": (64, 64)}
    makers = {
        "mobilefacenet": lambda: MobileFaceNet(32, width=0.25, **size),
        "mbf": lambda: InsightFaceMBF(32, scale=1, **size),
        "ghostfacenet": lambda: GhostFaceNet(32, width=0.3, **size),
        "mixfacenet": lambda: MixFaceNet(32, width=0.25, last_channels=64, **size),
        "iresnet": lambda: IResNet(32, depth=18, **size),
        "sface": lambda: SFaceNet(32, **size),
        **{
            neck: lambda neck=neck: TimmBackbone("mobilenetv3_small_050", 32, neck=neck, **size)
            for neck in ("gdc", "fc", "pooled")
        },
    }
    return makers[name]()


KINDS = ("mobilefacenet", "mbf", "ghostfacenet", "mixfacenet", "iresnet", "sface", "gdc", "fc", "pooled")


@pytest.mark.parametrize("kind", KINDS)
def test_networks_learn_from_smaller_images(kind: str) -> None:
    net = network(kind).train()
    net(torch.randn(2, 3, 48, 32)).square().sum().backward()
    assert not [name for name, p in net.named_parameters() if p.requires_grad and p.grad is None]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "pooled"])
def test_networks_that_judge_take_their_own_size_alone(kind: str) -> None:
    net = network(kind).eval()
    with torch.no_grad():
        assert net(torch.randn(1, 3, 64, 64)).shape == (1, 32)
        with pytest.raises(RuntimeError):
            net(torch.randn(1, 3, 32, 32))
