"""ncnn's two files to a graph of layers, without ncnn."""

import struct
from pathlib import Path

import numpy as np

from mfn.errors import CheckpointError, ExportError, first_line
from mfn.importing.graph import Array, Graph, Node
from mfn.inference.ncnn_file import NcnnLayer, read_ncnn

_SAME = {"Split", "Flatten", "Reshape", "Dropout", "Noop", "Normalize", "Permute", "Squeeze", "ExpandDims"}
_BINARY = {0: "add", 1: "sub", 2: "mul", 3: "div", 4: "maximum", 5: "minimum"}
_SAME_UPPER = (-233, -234)


def read_ncnn_graph(path: Path) -> Graph:
    """Reads ``NAME.param`` and ``NAME.bin``, whichever of the two is named.

    Raises:
        CheckpointError: A file is missing or damaged, or holds layers that no network known here has.
    """
    param, weights = path.with_suffix(".param"), path.with_suffix(".bin")
    if missing := [each for each in (param, weights) if not each.is_file()]:
        raise CheckpointError(f"{path} needs {missing[0].name} beside it")
    constants: dict[str, Array] = {}
    nodes: list[Node] = []
    try:
        layers = read_ncnn(param, weights)
        shapes: dict[str, int] = {}
        for layer in layers:
            nodes += _nodes(layer, constants, shapes)
    except CheckpointError as error:
        raise CheckpointError(f"{param}: {error}") from error
    except (ExportError, ValueError, IndexError, KeyError, struct.error) as error:
        raise CheckpointError(f"{param} cannot be read as ncnn's files ({first_line(error)})") from error
    images = [layer for layer in layers if layer.kind == "Input"]
    if not images or not nodes:
        raise CheckpointError(f"{param} has no input, or no layer")
    width, height = images[0].number(0), images[0].number(1)
    size = (height, width) if height and width else None
    return Graph(nodes, constants, images[0].outputs[0], layers[-1].outputs[0], size)


def _nodes(layer: NcnnLayer, constants: dict[str, Array], shapes: dict[str, int]) -> list[Node]:
    arrays = [np.asarray(array, np.float64) for array in layer.arrays]
    name = layer.name

    def keep(*values: Array) -> tuple[str, ...]:
        names = tuple(f"{name}.{index}" for index in range(len(values)))
        constants.update(zip(names, values, strict=True))
        return names

    (output, *more), inputs = layer.outputs or ("",), layer.inputs
    if layer.kind in ("Convolution", "ConvolutionDepthWise"):
        out, width = layer.number(0), layer.number(1)
        height = layer.number(11, width)
        weight = arrays[0].reshape(out, -1, height, width)
        stride = layer.number(3, 1)
        same = stride > 1 and (layer.number(4) in _SAME_UPPER or layer.number(4) != layer.number(15, layer.number(4)))
        padding = None if layer.number(4) < 0 else layer.number(14, layer.number(4))
        geometry = {"stride": stride, "padding": padding, "same": same}
        node = Node("conv", name, (*inputs, *keep(weight, *arrays[1:])), output, geometry)
        return [node, *_activation(layer, output, constants)] if layer.number(9) else [node]
    if layer.kind == "InnerProduct":
        return [Node("linear", name, (*inputs, *keep(arrays[0].reshape(layer.number(0), -1), *arrays[1:])), output)]
    if layer.kind == "BatchNorm":
        slope, mean, variance, bias = arrays
        eps = float(layer.options.get(1, 0.0))
        return [Node("bn", name, (*inputs, *keep(slope, bias, mean, variance)), output, {"eps": eps})]
    if layer.kind == "Scale":
        bias = arrays[1] if len(arrays) > 1 else np.zeros_like(arrays[0])
        return [Node("bn", name, (*inputs, *keep(arrays[0], bias)), output)]
    if layer.kind == "PReLU":
        return [Node("prelu", name, (*inputs, *keep(arrays[0])), output)]
    if layer.kind == "ReLU":
        return [Node("prelu", name, (*inputs, *keep(np.asarray(float(layer.options.get(0, 0.0))))), output)]
    if layer.kind == "Clip":
        bounds = [np.asarray(float(layer.options.get(key, default))) for key, default in ((0, -3e38), (1, 3e38))]
        return [Node("clip", name, (*inputs, *keep(*bounds)), output)]
    if layer.kind == "MemoryData":
        constants[output] = arrays[0]
        return []
    if layer.kind == "BinaryOp":
        kind = _BINARY.get(layer.number(0), "BinaryOp")
        if layer.number(1):
            inputs = (*inputs, *keep(np.asarray(float(layer.options.get(2, 0.0)))))
        return [Node(kind, name, inputs, output)]
    if layer.kind == "Eltwise" and layer.number(0) == 1:
        return [Node("add", name, inputs, output)]
    if layer.kind == "Input":
        return []
    if layer.kind in _SAME:
        return [Node("same", f"{name}>{each}", inputs[:1], each) for each in (output, *more)]
    return [Node(layer.kind, name, inputs, output)]


def _activation(layer: NcnnLayer, output: str, constants: dict[str, Array]) -> list[Node]:
    raise CheckpointError(
        f"layer {layer.name} has an activation of its own (9={layer.options[9]}), which is not read here"
    )
