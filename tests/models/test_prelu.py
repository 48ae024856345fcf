import pytest
import torch
from torch import nn

from mfn.models import prelu
from mfn.models.prelu import PReLU


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_forward_and_gradients_are_those_of_pytorch(memory_format: torch.memory_format, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 5, 6, 4).to(dtype).contiguous(memory_format=memory_format)
    x[0, 0, 0] = 0.0
    gradient = torch.randn_like(x)
    results = []
    for layer in (PReLU(5), nn.PReLU(5)):
        layer.to(torch.float64 if dtype == torch.float64 else torch.float32)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([0.25, -0.5, 0.0, 1.0, 2.0]))
        leaf = x.clone().requires_grad_()
        output = layer(leaf) if isinstance(layer, PReLU) else nn.functional.prelu(leaf, layer.weight.to(dtype))
        output.backward(gradient)
        results.append((output, leaf.grad, layer.weight.grad))
    tolerance = {torch.bfloat16: 2e-2, torch.float32: 1e-5, torch.float64: 1e-12}[dtype]
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("bytes_at_a_time", [1, 100, 10**6])
def test_maps_are_gone_through_in_parts_of_any_size(
    memory_format: torch.memory_format, bytes_at_a_time: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prelu, "_IN_CACHE", bytes_at_a_time)
    torch.manual_seed(0)
    x = torch.randn(3, 5, 6, 7, dtype=torch.float64).contiguous(memory_format=memory_format).requires_grad_()
    slope = torch.randn(5, dtype=torch.float64, requires_grad=True)
    output = prelu._PReLU.apply(x, slope)
    for given in (torch.randn_like(output), torch.ones(1, 1, 1, 1, dtype=torch.float64).expand_as(output)):
        ours = torch.autograd.grad(output, (x, slope), given, retain_graph=True)
        theirs = torch.autograd.grad(nn.functional.prelu(x, slope), (x, slope), given)
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-12)


def test_exported_it_is_the_plain_operator() -> None:
    exported = torch.export.export(PReLU(5), (torch.randn(1, 5, 4, 4),))
    assert "aten.prelu" in str(exported.graph)
