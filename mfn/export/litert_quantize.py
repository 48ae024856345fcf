"""Smaller LiteRT models from a float32 one, by ai-edge-quantizer."""

import contextlib
import io
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mfn.export.litert_file import operator_names, read_model
from mfn.export.litert_ranges import Ranges

LAYERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
"""Operators with weights."""


@dataclass(frozen=True, slots=True)
class Grid:
    """What numbers are rounded to, beside weights of int8.

    Attributes:
        activation_bits: 8 or 16.
        per_tensor: One scale for all weights of a layer, in place of one for each output channel.
    """

    activation_bits: int = 8
    per_tensor: bool = False

    def static(self) -> dict[str, Any]:
        """Arguments of the quantizer's ``add_static_config``."""
        from ai_edge_quantizer.qtyping import QuantGranularity

        granularity = QuantGranularity.TENSORWISE if self.per_tensor else QuantGranularity.CHANNELWISE
        return {
            "activation_num_bits": self.activation_bits,
            "weight_num_bits": 8,
            "weight_granularity": granularity,
        }


def half(content: bytes) -> bytes:
    """Weights in float16, made float32 once when the file is loaded; biases and slopes stay float32."""
    from ai_edge_quantizer import qtyping

    weights = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
    config = qtyping.OpQuantizationConfig(
        weight_tensor_config=weights, compute_precision=qtyping.ComputePrecision.FLOAT, explicit_dequantize=True
    )
    quantizer = _quantizer(content)
    for name in LAYERS:
        quantizer.update_quantization_recipe(".*", _operator(name), config, algorithm_key="float_casting")
    return _quantized(quantizer)


def dynamic_int8(content: bytes) -> bytes:
    """Weights in int8 per channel; each convolution measures its input and works in int8, all else in float.

    Depthwise convolutions have int8 weights and work in float: the runtime has no fast kernel for the other (4.0
    against 1.8 ms for the paper's network), and nothing is lost.
    """
    quantizer = _quantizer(content)
    for name in LAYERS:
        add = quantizer.add_weight_only_config if name == "DEPTHWISE_CONV_2D" else quantizer.add_dynamic_config
        add(".*", _operator(name), num_bits=8)
    return _quantized(quantizer)


def full_int8(content: bytes, ranges: Ranges, in_float: Collection[str] = (), grid: Grid | None = None) -> bytes:
    """Weights in int8, activations in integers by fixed ranges; input and embedding stay what they are.

    PReLUs stay in float between a step down and a step up: LiteRT's int8 PReLU is a slow reference kernel (37 ms
    against 1.6 ms for the whole network), and so nothing is lost in them.

    Args:
        content: Of a float32 model with unique names.
        ranges: Of its activations.
        in_float: Names of layers (see :func:`layers`) that work in float; their weights are int8 all the same.
        grid: None: int8 activations, a scale for each channel of weights.
    """
    quantizer, static = _quantizer(content), (grid or Grid()).static()
    steps = _steps(content)
    for name, (operator, _) in steps.items():
        if name in in_float:
            quantizer.add_weight_only_config(_only(name), _operator(operator), num_bits=8)
        else:
            quantizer.add_static_config(_only(name), _operator(operator), **static)
    return _quantized(quantizer, _all_limits(content, ranges))


def all_integer(content: bytes, ranges: Ranges, grid: Grid, *, unsigned_input: bool) -> bytes:
    """Every operator in integers, the input and the embedding too; the caller looks whether one is left in float.

    Args:
        content: Of a float32 model with unique names.
        ranges: Of its activations.
        grid: What numbers are rounded to.
        unsigned_input: Take the input as uint8, not as a signed integer.
    """
    from ai_edge_quantizer import qtyping

    quantizer, kinds = _quantizer(content), qtyping.TFLOperationName
    quantizer.add_static_config(".*", kinds.ALL_SUPPORTED, **grid.static())
    if unsigned_input:
        unsigned = qtyping.TensorQuantizationConfig(8, symmetric=False, dtype=qtyping.TensorDataType.UINT)
        signed = qtyping.TensorQuantizationConfig(8, granularity=qtyping.QuantGranularity.CHANNELWISE)
        config = qtyping.OpQuantizationConfig(unsigned, signed, qtyping.ComputePrecision.INTEGER)
        quantizer.update_quantization_recipe(".*", kinds.INPUT, config)
    return _quantized(quantizer, _all_limits(content, ranges))


def layers(content: bytes) -> list[str]:
    """Names of the tensors that operators with weights give."""
    return [name for name, (operator, _) in _steps(content).items() if operator in LAYERS]


def _steps(content: bytes) -> dict[str, tuple[str, Any]]:
    """What can be quantised, by the name of what it gives: layers, and between layers what only moves or adds."""
    model = read_model(content)
    graph = model.subgraphs[0]
    steps = {}
    for operator, step in zip(operator_names(model), graph.operators, strict=True):
        # Adding a constant is the normalisation of pixels, which int8 would ruin
        adds = operator == "ADD" and all(model.buffers[graph.tensors[i].buffer].data is None for i in step.inputs)
        if operator in (*LAYERS, "PAD", "RESHAPE", "AVERAGE_POOL_2D", "RELU") or adds:
            steps[graph.tensors[step.outputs[0]].name.decode()] = (operator, step)
    return steps


def _all_limits(content: bytes, ranges: Ranges) -> dict[str, dict[str, np.ndarray]]:
    dimensions = {t.name.decode(): len(t.shape) for t in read_model(content).subgraphs[0].tensors}
    return {name: _limits(*ranges[name], dimensions[name]) for name in ranges}


def _limits(low: float, high: float, dimensions: int) -> dict[str, np.ndarray]:
    shape = (1,) * dimensions
    return {"min": np.full(shape, low, np.float32), "max": np.full(shape, high, np.float32)}


def _only(name: str) -> str:
    return f"^{name};?$"  # the quantizer puts a semicolon behind each name


def _operator(name: str) -> Any:
    from ai_edge_quantizer import qtyping

    return qtyping.TFLOperationName(name)


def _quantizer(content: bytes) -> Any:
    from ai_edge_quantizer.quantizer import Quantizer

    return Quantizer(bytearray(content))


def _quantized(quantizer: Any, ranges: Mapping[str, Any] | None = None) -> bytes:
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():  # progress bars, and memory it takes
        warnings.simplefilter("ignore")
        done = quantizer.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    return bytes(done.quantized_model)
