"""TFLite files to a graph of layers, without TensorFlow or LiteRT."""

from pathlib import Path
from typing import Any

import numpy as np
import tflite

from mfn.errors import CheckpointError, first_line
from mfn.importing.graph import Array, Graph, Node

_TYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
}
_OPERATORS = {value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)}
_SAME = {"RESHAPE", "DEQUANTIZE", "SQUEEZE", "L2_NORMALIZATION", "CAST", "EXPAND_DIMS", "TRANSPOSE", "PAD"}
_ELEMENTWISE = {
    **{"ADD": "add", "SUB": "sub", "MUL": "mul", "DIV": "div", "ABS": "abs", "NEG": "neg", "MAXIMUM": "maximum"},
    **{"MINIMUM": "minimum", "RELU": "relu", "RELU6": "relu6", "PRELU": "prelu"},
}
_FUSED = {tflite.ActivationFunctionType.RELU: "relu", tflite.ActivationFunctionType.RELU6: "relu6"}


def read_tflite(path: Path) -> Graph:
    """Reads a file with float32 or float16 weights.

    Raises:
        CheckpointError: It is damaged, quantised, or holds layers that no network known here has.
    """
    data = path.read_bytes()
    if data[4:8] != b"TFL3":
        raise CheckpointError(f"{path} cannot be read as a TFLite file: it does not begin as one does")
    try:
        model: Any = tflite.Model.GetRootAs(data, 0)
        graph = model.Subgraphs(0)
        constants = _constants(model, graph)
        nodes: list[Node] = []
        pads: dict[str, tuple[int, int]] = {}
        for index in range(graph.OperatorsLength()):
            nodes += _nodes(model, graph.Operators(index), index, constants, pads)
        (image,), output = graph.InputsAsNumpy().tolist(), graph.OutputsAsNumpy().tolist()[0]
        shape = graph.Tensors(image).ShapeAsNumpy().tolist()
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    except Exception as error:  # offsets that lead anywhere, other numbers of inputs
        raise CheckpointError(f"{path} cannot be read as a TFLite file ({first_line(error)})") from error
    rows_last = shape[-1] == 3
    size = shape[1:3] if rows_last else shape[2:4]
    return Graph(nodes, constants, str(image), str(output), (int(size[0]), int(size[1])), rows_last)


def _constants(model: Any, graph: Any) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for index in range(graph.TensorsLength()):
        tensor = graph.Tensors(index)
        buffer = model.Buffers(tensor.Buffer())
        if not buffer.DataLength():
            continue
        if tensor.Type() not in _TYPES:
            raise CheckpointError("its weights are integers: import the float file that it was made from")
        shape = tensor.ShapeAsNumpy() if tensor.ShapeLength() else ()
        values = np.frombuffer(buffer.DataAsNumpy().tobytes(), _TYPES[tensor.Type()])
        found[str(index)] = values.reshape(shape).astype(np.float64)
    return found


def _nodes(
    model: Any, operator: Any, index: int, constants: dict[str, Array], pads: dict[str, tuple[int, int]]
) -> list[Node]:
    code = model.OperatorCodes(operator.OpcodeIndex())
    kind = _OPERATORS[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
    inputs = tuple(str(each) for each in operator.InputsAsNumpy().tolist() if each >= 0)
    output, name = str(operator.OutputsAsNumpy().tolist()[0]), f"{kind} {index}"
    if kind == "DEQUANTIZE" and inputs[0] in constants:  # float16 weights
        constants[output] = constants[inputs[0]]
        return []
    if kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        options = (tflite.Conv2DOptions if kind == "CONV_2D" else tflite.DepthwiseConv2DOptions)()
        options.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
        order = (0, 3, 1, 2) if kind == "CONV_2D" else (3, 0, 1, 2)
        constants[f"{name}.weight"] = constants[inputs[1]].transpose(order)
        stride = max(options.StrideH(), options.StrideW())
        same = options.Padding() == tflite.Padding.SAME
        before, after = pads.get(inputs[0], (0, 0))
        padding = None if same else before
        settings = {"stride": stride, "padding": padding, "same": stride > 1 and (same or before != after)}
        given = (inputs[0], f"{name}.weight", *inputs[2:])
        return _with_fused("conv", name, given, output, options.FusedActivationFunction(), settings)
    if kind == "FULLY_CONNECTED":
        options = tflite.FullyConnectedOptions()
        options.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
        return _with_fused("linear", name, inputs, output, options.FusedActivationFunction(), {})
    if kind in ("ADD", "SUB", "MUL", "DIV"):
        options = getattr(tflite, f"{kind.title()}Options")()
        options.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
        return _with_fused(_ELEMENTWISE[kind], name, inputs, output, options.FusedActivationFunction(), {})
    if kind == "PAD":  # rows before and after, for the convolution that follows
        before, after = constants[inputs[1]].reshape(-1, 2)[1].astype(int).tolist()
        pads[output] = (before, after)
    if kind in _SAME:
        return [Node("same", name, inputs[:1], output)]
    return [Node(_ELEMENTWISE.get(kind, kind), name, inputs, output)]


def _with_fused(
    kind: str, name: str, inputs: tuple[str, ...], output: str, fused: int, options: dict[str, Any]
) -> list[Node]:
    if fused == tflite.ActivationFunctionType.NONE:
        return [Node(kind, name, inputs, output, options)]
    if fused not in _FUSED:
        raise CheckpointError(f"layer {name} has an activation that no network known here has")
    return [Node(kind, name, inputs, f"{output}.raw", options), Node(_FUSED[fused], name, (f"{output}.raw",), output)]
