"""The own backward pass of depthwise convolutions: PyTorch's gradients, in less time, and only where it is wanted."""

from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch.nn import functional

from mfn.models.mobilefacenet import MobileFaceNet
from mfn.training.depthwise import DepthwiseConv2d, input_gradient, with_fast_depthwise

GEOMETRIES = [
    # kernel, stride, padding, height, width
    ((3, 3), (2, 2), (1, 1), 12, 10),
    ((3, 3), (2, 2), (1, 1), 11, 13),
    ((5, 5), (2, 2), (2, 2), 9, 14),
    ((3, 3), (2, 2), (0, 0), 8, 9),
    ((7, 7), (3, 3), (3, 3), 20, 17),
    ((3, 5), (1, 2), (1, 2), 7, 8),
    ((1, 1), (2, 2), (0, 0), 6, 7),
    ((2, 2), (2, 2), (0, 0), 6, 8),
    ((3, 3), (4, 4), (2, 2), 10, 10),
    ((3, 3), (2, 2), (1, 1), 1, 2),
    ((4, 3), (1, 1), (0, 0), 4, 3),  # covers all of the input
]


@pytest.mark.parametrize(("kernel", "stride", "padding", "height", "width"), GEOMETRIES)
def test_the_input_gradient_is_exact(kernel, stride, padding, height: int, width: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 6, height, width, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(6, 1, *kernel, dtype=torch.float64)
    output = functional.conv2d(x, weight, None, stride, padding, 1, 6)
    gradient = torch.randn_like(output)
    output.backward(gradient)
    assert x.grad is not None
    ours = input_gradient(gradient, weight, (height, width), stride, padding)
    torch.testing.assert_close(ours, x.grad, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("kernel", "stride", "padding", "height", "width"), GEOMETRIES)
def test_gradients_in_bfloat16_are_those_of_float64_rounded(
    kernel, stride, padding, height: int, width: int, bias: bool, autocast: bool
) -> None:
    torch.manual_seed(1)
    layer = nn.Conv2d(6, 6, kernel, stride, padding, groups=6, bias=bias)
    exact = nn.Conv2d(6, 6, kernel, stride, padding, groups=6, bias=bias).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(parameter.bfloat16())
    exact.load_state_dict(layer.state_dict())
    with_fast_depthwise(layer)
    assert type(layer) is DepthwiseConv2d
    x = torch.randn(4, 6, height, width).bfloat16().to(memory_format=torch.channels_last)
    given = x.float() if autocast else x
    if not autocast:
        layer.bfloat16()
    leaf, wide = given.clone().requires_grad_(), x.double().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16) if autocast else nullcontext():
        output = layer(leaf)
    assert output.dtype == torch.bfloat16 and "Depthwise" in str((output.grad_fn, output.grad_fn.next_functions))
    gradient = torch.randn(output.shape).bfloat16()
    output.backward(gradient)
    exact(wide).backward(gradient.double())
    for ours, theirs in [
        (leaf.grad, wide.grad),
        *((p.grad, q.grad) for p, q in zip(layer.parameters(), exact.parameters(), strict=True)),
    ]:
        assert ours is not None and theirs is not None
        torch.testing.assert_close(ours.double(), theirs, atol=2**-8 * theirs.abs().max().item(), rtol=2**-7)


def test_float32_and_inference_are_pytorchs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = DepthwiseConv2d(4, 4, 3, 2, 1, groups=4)
    x = torch.randn(2, 4, 8, 8, requires_grad=True)
    assert "ConvolutionBackward" in str(layer(x).grad_fn)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        assert not layer._by_hand(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer._by_hand(x)
        assert not DepthwiseConv2d(4, 4, 3, 2, 1, groups=4, padding_mode="reflect")._by_hand(x)
        assert not DepthwiseConv2d(4, 4, 3, 2, 1, 2, groups=4)._by_hand(x)
        assert not DepthwiseConv2d(4, 4, 3, 1, 1, groups=4)._by_hand(x)


def test_only_depthwise_convolutions_are_taken() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(8, 16, 3, groups=8))
    with_fast_depthwise(network)
    assert [type(layer) is DepthwiseConv2d for layer in network] == [False, True, False]


def gradient_of_network(fast: bool, dtype: torch.dtype) -> torch.Tensor:
    torch.manual_seed(2)
    images = torch.randn(8, 3, 32, 32)
    network = MobileFaceNet(16, (32, 32), width=0.25)
    if fast:
        with_fast_depthwise(network)
    wide = torch.promote_types(dtype, torch.float32)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        embeddings = network.to(wide)(images.to(wide))
    (embeddings.double() * torch.linspace(-1, 1, 16)).sum().backward()
    return torch.cat([p.grad.double().flatten() for p in network.parameters() if p.grad is not None])


def test_a_network_learns_as_well_as_with_pytorchs_kernels() -> None:
    exact = gradient_of_network(True, torch.float64)
    errors = [torch.linalg.vector_norm(gradient_of_network(fast, torch.bfloat16) - exact) for fast in (True, False)]
    assert 0 < errors[0] < 1.2 * errors[1]
    assert errors[0] < 0.3 * torch.linalg.vector_norm(exact)
    torch.testing.assert_close(gradient_of_network(True, torch.float32), gradient_of_network(False, torch.float32))


def test_what_is_written_to_files_is_the_plain_operator() -> None:
    layer = DepthwiseConv2d(4, 4, 3, 2, 1, groups=4).bfloat16()
    x = torch.randn(1, 4, 8, 8).bfloat16()
    assert "aten.conv2d" in str(torch.export.export(layer, (x,)).graph)
    assert "_convolution" in str(torch.jit.trace(layer, x).graph) and "PythonOp" not in str(
        torch.jit.trace(layer, x).graph
    )
