import pytest
import torch
from torch import nn

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


def test_exported_it_is_the_plain_operator() -> None:
    exported = torch.export.export(PReLU(5), (torch.randn(1, 5, 4, 4),))
    assert "aten.prelu" in str(exported.graph)
