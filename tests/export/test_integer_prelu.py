"""PReLU behind integer convolutions: the same function, and no float between layers."""

import dataclasses
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

pytest.importorskip("onnxscript", reason="needs onnxscript")

from mfn.contract import InputContract
from mfn.export.integer_prelu import divided
from mfn.export.larger_prelu import without_prelu
from mfn.export.network import Deployable, ExportOptions, deployable
from mfn.export.onnx_graph import onnx_graph
from mfn.export.quantize_onnx import Int8Options, embed, quantized
from mfn.metrics.scores import cosine

CONTRACT = InputContract.for_size(16, 16, embedding_dim=8)
SLOPES = {
    "usual": [0.25, 0.1, 0.9, 0.5],
    "below 0": [-0.3, -1.5, 0.2, 0.0],
    "0 and 1": [0.0, 1.0, 1.0, 0.0],
    "above 1": [1.5, 0.5, 3.0, -0.5],
}


class Layers(nn.Module):
    """A dense and a depthwise convolution with PReLU, a residual one, and the embedding."""

    def __init__(self, slopes: list[float], residual: bool) -> None:
        super().__init__()
        self.first, self.depthwise = nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 4, 3, 1, 1, groups=4)
        self.dense, self.last = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 8, 8)
        self.activations = nn.ModuleList(nn.PReLU(4) for _ in range(3))
        for activation, turn in zip(self.activations, range(3), strict=True):
            activation.weight.data = torch.tensor(slopes).roll(turn)
        nn.init.ones_(self.first.bias)
        nn.init.ones_(self.depthwise.bias)  # equal tensors are one in the graph
        nn.init.zeros_(self.dense.bias)  # and a bias of zeros is none
        self.residual = residual

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = first = self.activations[0](self.first(x))
        x = self.activations[1](self.depthwise(x))
        x = self.activations[2](self.dense(x))
        return self.last(x + first if self.residual else x).flatten(1)


def deployed(slopes: str, residual: bool) -> Deployable:
    torch.manual_seed(0)
    return deployable(Layers(SLOPES[slopes], residual), CONTRACT, ExportOptions(precision="int8"))


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("slopes", SLOPES)
def test_divided_layers_are_the_same_network(slopes: str, residual: bool) -> None:
    network = deployed(slopes, residual)
    images = network.example(6)
    expected = network.network(images).detach().numpy()
    model = onnx_graph(dataclasses.replace(network, network=without_prelu(network.network)))
    names = [node.name for node in model.graph.node if node.op_type == "Conv"]
    # In a residual network sums read two of the PReLUs, whose slopes above 1 cannot be turned then
    possible = 1 if residual and slopes == "above 1" else 3
    for layers, count in ((names, possible), (names[1:2], 1), ([], 0)):
        changed, parts = divided(model, layers)
        np.testing.assert_allclose(embed(changed, images.numpy()), expected, atol=2e-5)
        counts = Counter(node.op_type for node in changed.graph.node)
        assert (counts["Conv"], len(parts), counts["Max"]) == (4 + count, 2 * count, 0)


@pytest.mark.parametrize("slopes", SLOPES)
def test_nothing_between_integer_layers_is_float(slopes: str) -> None:
    network = deployed(slopes, residual=False)
    faces = np.random.default_rng(0).integers(0, 256, (24, 16, 16, 3), np.uint8)
    model = quantized(network, faces, Int8Options(float_bytes=0, balance=None))
    images = network.inputs(faces).numpy()
    assert cosine(embed(model, images), network.network(torch.as_tensor(images)).detach().numpy()).min() > 0.97
    counts = operators_run(model)
    assert counts["QLinearConv"] == 7 and counts["QLinearAdd"] == 3
    assert not {"Conv", "Add", "Mul", "Relu", "PRelu"} & counts.keys()
    held = [tensor for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.INT8]
    assert len([tensor for tensor in held if len(tensor.dims) == 4]) == 4  # once for both parts of a layer


def operators_run(model: onnx.ModelProto) -> Counter[str]:
    """What ONNX Runtime makes of a model."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "run.onnx")
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        run = onnx.load(options.optimized_model_filepath)
    return Counter(node.op_type for node in run.graph.node)
