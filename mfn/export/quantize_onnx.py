"""Full int8 for ONNX Runtime: weights per output channel, activations uint8 with one scale per tensor.

Each convolution reads and writes integers between QuantizeLinear and DequantizeLinear nodes, which the runtime joins
into integer kernels, and so do ReLU, PReLU (:mod:`mfn.export.integer_prelu`) and residual additions. Weights are int8,
which is 1.4 times as fast as uint8 with VNNI, on scales with which no processor's sums can saturate
(:mod:`mfn.export.saturation`).
"""

import dataclasses
import logging
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import torch

from mfn.export.equalize import equalized
from mfn.export.integer_prelu import Part, divided, held_integers, joined_with, share_integers
from mfn.export.larger_prelu import without_prelu
from mfn.export.network import INPUT, Deployable
from mfn.export.onnx_graph import compact, onnx_graph
from mfn.export.saturation import fitting_scales, integers, scaled
from mfn.export.sensitivity import kept_float, layer_costs
from mfn.export.target import expect, one_of, quiet

if TYPE_CHECKING:
    import onnx
    from onnxruntime.quantization.calibrate import TensorsData

log = logging.getLogger(__name__)

Ranges = Literal["minmax", "percentile", "entropy"]
RANGES = get_args(Ranges)
_INTEGER = ["Conv", "Relu", "Clip", "Add"]
_BATCH = 16
_LEAST = np.float32(1e-12)
"""A scale, where a slope of 0 or 1 makes all weights 0."""
_PROBES = 32
"""Faces on which the cost of a layer is measured; its mean cosine varies little between faces."""


@dataclass(frozen=True, slots=True)
class Int8Options:
    """How int8 is made.

    Attributes:
        ranges: How far a tensor's scale reaches: to its extremes, to a percentile at either end, or to where the
            entropy lost is least.
        percentile: For ``ranges="percentile"``.
        balance: Of :func:`mfn.export.equalize.equalized`; None leaves the channels as they are.
        float_bytes: What the file may grow by for the layers that lose most, which then stay float; 0 for none.

    Raises:
        ExportError: A value makes no sense.
    """

    ranges: Ranges = "minmax"
    percentile: float = 99.999
    balance: float | None = 0.6
    float_bytes: int = 32768

    def __post_init__(self) -> None:
        expect(f"target.onnx.int8.ranges={self.ranges}", one_of(RANGES), self.ranges in RANGES)
        expect(f"target.onnx.int8.percentile={self.percentile}", "above 50 and up to 100", 50 < self.percentile <= 100)
        balanced = self.balance is None or 0 <= self.balance <= 1
        expect(f"target.onnx.int8.balance={self.balance}", "null or from 0 to 1", balanced)
        expect(f"target.onnx.int8.float_bytes={self.float_bytes}", "0 or positive", self.float_bytes >= 0)


def quantized(deployable: Deployable, calibration: np.ndarray, options: Int8Options) -> "onnx.ModelProto":
    """Writes the network with integer convolutions, as QDQ.

    Args:
        deployable: The network.
        calibration: uint8 RGB (N, H, W, 3), faces from which the ranges come.
        options: How.
    """
    inputs = deployable.inputs(calibration)
    network = deployable.network
    if options.balance is not None:
        network = equalized(network, inputs, options.balance)
    with quiet():
        model = onnx_graph(dataclasses.replace(deployable, network=without_prelu(network)))
        whole, _ = divided(model, _layers(model))  # has every tensor that a choice of layers has
        found = _ranges(whole, inputs.numpy(), options.ranges, options.percentile)
        budget = options.float_bytes
        kept = _costliest(model, found, inputs[:_PROBES].numpy(), budget) if budget else []
        return compact(_quantize(model, found, kept))


def _ranges(model: "onnx.ModelProto", inputs: np.ndarray, method: Ranges, percentile: float) -> "TensorsData":
    """Smallest and largest value of every tensor that may be integer."""
    from onnxruntime.quantization.calibrate import CalibrationMethod, create_calibrator

    kind = {"minmax": "MinMax", "percentile": "Percentile", "entropy": "Entropy"}[method]
    options = {"symmetric": False} | ({"percentile": percentile} if method == "percentile" else {})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "float.onnx"
        path.write_bytes(model.SerializeToString())
        calibrator = create_calibrator(
            path, _INTEGER, str(path.with_stem("augmented")), CalibrationMethod[kind], extra_options=options
        )
        for start in range(0, len(inputs), _BATCH):  # all at once would hold every activation of every face
            calibrator.collect_data(_Once({INPUT: inputs[start : start + _BATCH]}))  # pyright: ignore[reportArgumentType]
        return calibrator.compute_data()


class _Once:
    """A calibration reader of one batch."""

    def __init__(self, batch: dict[str, np.ndarray]) -> None:
        self._batches = [batch]

    def get_next(self) -> dict[str, np.ndarray] | None:
        return self._batches.pop() if self._batches else None


def _costliest(model: "onnx.ModelProto", ranges: "TensorsData", inputs: np.ndarray, budget: int) -> list[str]:
    sizes = {tensor.name: int(np.prod(tensor.dims)) for tensor in model.graph.initializer}
    layers = _layers(model)

    def embed_with(layer: str) -> np.ndarray:
        return embed(_quantize(model, ranges, layers.keys() - {layer}), inputs)

    costs = layer_costs(list(layers), embed_with, embed(model, inputs))
    kept = kept_float(costs, {name: 3 * sizes[node.input[1]] for name, node in layers.items()}, budget)
    for name in kept:
        log.info("stays float: %s, which would cost %.5f of cosine", layers[name].input[1], costs[name])
    return kept


def _quantize(model: "onnx.ModelProto", ranges: "TensorsData", kept: Collection[str]) -> "onnx.ModelProto":
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    model, parts = divided(model, _layers(model).keys() - set(kept))
    integer = [name for name in _layers(model) if name not in kept]
    quantizer = QDQQuantizer(
        model,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=ranges,
        nodes_to_quantize=[*integer, *joined_with(model.graph, integer)],
        nodes_to_exclude=None,
        op_types_to_quantize=_INTEGER,
        extra_options={"TensorQuantOverrides": _with_fitting_weights(model, integer, parts)},
    )
    quantizer.quantize_model()
    share_integers(quantizer.model.model, parts)
    return quantizer.model.model


def _layers(model: "onnx.ModelProto") -> dict[str, "onnx.NodeProto"]:
    return {node.name: node for node in model.graph.node if node.op_type == "Conv"}


def _with_fitting_weights(
    model: "onnx.ModelProto", integer: Collection[str], parts: Mapping[str, Part]
) -> dict[str, list[dict[str, Any]]]:
    """Rounds the weights of the layers that become integer, in place; returns scales as the quantizer takes them."""
    from onnx import numpy_helper

    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    scales_of = {}
    for name, node in _layers(model).items():
        if name in integer:
            tensor, part = tensors[node.input[1]], parts.get(node.input[1])
            weights = numpy_helper.to_array(tensor) if part is None else part.weights
            scales = fitting_scales(weights).astype(np.float32)
            steps = integers(weights, scales)
            if part is not None:
                steps, scales = steps * part.signs, np.maximum(scales * np.abs(part.factor), _LEAST)
            # What is rounded already stays what it is when the quantizer rounds it again
            tensor.CopyFrom(numpy_helper.from_array(scaled(steps, scales), tensor.name))
            scales_of[tensor.name] = [{"axis": 0, "scale": scale, "zero_point": 0} for scale in scales]
    return scales_of


def integer_weights(model: "onnx.ModelProto") -> list[np.ndarray]:
    """The integer weights (O, I, height, width) of a quantised model's convolutions."""
    held = held_integers(model.graph)
    source = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    names = (source.get(node.input[1]) for node in model.graph.node if node.op_type == "Conv")
    return [held[name] for name in names if name in held]


def embed(model: "onnx.ModelProto", inputs: np.ndarray) -> np.ndarray:
    """Runs a model in memory: network inputs (N, 3, H, W) to embeddings (N, D)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {INPUT: inputs})[0])
