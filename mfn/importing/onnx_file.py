"""ONNX files to a graph of layers."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from mfn.errors import CheckpointError, first_line
from mfn.importing.graph import Array, Graph, Node

_SAME = {"Identity", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Dropout", "Cast", "LpNormalization"}
_ELEMENTWISE = {
    **{"Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div", "Abs": "abs", "Neg": "neg", "Max": "maximum"},
    **{"Min": "minimum", "Relu": "relu", "Clip": "clip", "PRelu": "prelu", "LeakyRelu": "prelu"},
}


def read_onnx(path: Path) -> Graph:
    """Reads a file's graph and weights.

    Raises:
        CheckpointError: It is damaged, or not one network from images to embeddings.
    """
    try:
        model = onnx.load_model(path, load_external_data=False)
        constants = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
        nodes = [_node(node, constants) for node in model.graph.node if not _is_constant(node, constants)]
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    except Exception as error:  # what a damaged file comes to
        raise CheckpointError(f"{path} cannot be read as an ONNX file ({first_line(error)})") from error
    inputs = [each for each in model.graph.input if each.name not in constants]
    if len(inputs) != 1 or not model.graph.output:
        raise CheckpointError(f"{path} has {len(inputs)} inputs, expected the images alone")
    sides = [side.dim_value for side in inputs[0].type.tensor_type.shape.dim]
    rows_last = len(sides) == 4 and sides[3] == 3
    size = tuple(sides[1:3] if rows_last else sides[2:4]) if len(sides) == 4 else (0, 0)
    floats = {name: np.asarray(value, np.float64) for name, value in constants.items()}
    known_size = (size[0], size[1]) if all(size) else None
    return Graph(nodes, floats, inputs[0].name, model.graph.output[0].name, known_size)


def _is_constant(node: Any, constants: dict[str, Array]) -> bool:
    """Takes the value of a node that gives one."""
    if node.op_type != "Constant":
        return False
    for attribute in node.attribute:
        if attribute.name == "value":
            constants[node.output[0]] = numpy_helper.to_array(attribute.t)
        elif attribute.name in ("value_float", "value_int"):
            constants[node.output[0]] = np.asarray(onnx.helper.get_attribute_value(attribute))
    return True


def _node(node: Any, constants: dict[str, Array]) -> Node:
    given = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    inputs = tuple(name for name in node.input if name)
    name, output, kind = node.name or node.output[0], node.output[0], node.op_type
    if kind == "Conv":
        pads = list(given.get("pads", [0] * 4))
        same = given.get("auto_pad", b"NOTSET") == b"SAME_UPPER" or pads[:2] != pads[2:]
        stride = int(max(given.get("strides", [1])))
        padding = None if given.get("auto_pad", b"NOTSET") == b"SAME_UPPER" else pads[0]
        return Node("conv", name, inputs, output, {"stride": stride, "padding": padding, "same": same and stride > 1})
    if kind == "Gemm":
        if given.get("transA") or given.get("alpha", 1.0) != 1 or given.get("beta", 1.0) != 1:
            raise CheckpointError(f"layer {name} is a Gemm of an unusual form")
        if not given.get("transB"):
            constants[inputs[1]] = constants[inputs[1]].T
        return Node("linear", name, inputs, output)
    if kind == "MatMul":
        if inputs[1] in constants:
            constants[inputs[1]] = constants[inputs[1]].T
        return Node("linear", name, inputs, output)
    if kind == "BatchNormalization":
        return Node("bn", name, inputs, output, {"eps": given.get("epsilon", 1e-5)})
    if kind in _SAME:
        return Node("same", name, inputs[:1], output)
    if kind == "Clip" and len(inputs) == 1:  # before opset 11
        for bound, value in (("min", given.get("min", -3e38)), ("max", given.get("max", 3e38))):
            constants[f"{name}.{bound}"] = np.asarray(value)
        inputs = (inputs[0], f"{name}.min", f"{name}.max")
    if kind == "LeakyRelu":
        constants[f"{name}.alpha"] = np.asarray(given.get("alpha", 0.01))
        inputs = (inputs[0], f"{name}.alpha")
    return Node(_ELEMENTWISE.get(kind, kind), name, inputs, output)
