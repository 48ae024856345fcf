"""PReLU behind an integer convolution as the sum of two of them, so that nothing between layers is float.

ONNX Runtime has no integer PReLU. In float, between integer convolutions, it takes longer than they do. But
``max(x, a * x)`` is ``a * x + (1 - a) * relu(x)``, for slopes above 1 ``x + (a - 1) * relu(x)``, and either factor can
go into the convolution that gives ``x``: one copy of it has the weights ``a * W``, the other one ``(1 - a) * W``, and
its integers are cut off at 0, which costs nothing. Their sum is integer too. The integers of both copies are those of
``W`` but for signs, so the file holds them once.
"""

import copy
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

_SUM = ".sum"


@dataclass(frozen=True, slots=True)
class Part:
    """One of the two convolutions.

    Attributes:
        weights: float32 (O, I, height, width) of the convolution that it is a part of.
        factor: float32 (O,), what the weights of each output channel are multiplied by.
        other: Name of the other one's weights where those hold the integers for both; None for that one itself.
    """

    weights: NDArray[np.float32]
    factor: NDArray[np.float32]
    other: str | None

    @property
    def signs(self) -> NDArray[np.int8]:
        """Of the factor, int8 (O, 1, 1, 1) of -1 and 1."""
        return np.where(self.factor < 0, -1, 1).astype(np.int8).reshape(-1, 1, 1, 1)


def divided(model: "ModelProto", layers: Collection[str]) -> tuple["ModelProto", dict[str, Part]]:
    """Divides the named convolutions that are followed by :class:`mfn.export.larger_prelu.LargerForm`.

    Behind other convolutions that becomes the same sum in float, which is faster than a Max.

    Args:
        model: It is not changed.
        layers: Names of Conv nodes.

    Returns:
        The model, and the parts by the name of their weights.
    """
    model = copy.deepcopy(model)
    graph = model.graph
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    parts: dict[str, Part] = {}
    made: dict[str, list[NodeProto]] = {}
    for layer, product, larger in _followed(graph, tensors):
        slope = numpy_helper.to_array(tensors[product.input[1]])
        if layer.name in layers:
            made |= {product.name: [], larger.name: []}
            made[layer.name] = _halves(layer, larger, slope.reshape(-1), tensors, parts)
        else:
            made |= {product.name: [], larger.name: _in_float(layer.output[0], larger, slope, tensors)}
    nodes = [new for node in graph.node for new in made.get(node.name, [node])]
    del graph.node[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    del graph.initializer[:]
    graph.initializer.extend(tensor for name, tensor in tensors.items() if name in used)
    return model, parts


def joined_with(graph: "GraphProto", layers: Collection[str]) -> list[str]:
    """Names of the nodes that become one with the named convolutions' integers: Relu, Clip and the sums of parts."""
    source = {output: node.name for node in graph.node for output in node.output}
    names: list[str] = []
    for node in graph.node:
        before = source.get(node.input[0]) if node.input else None
        cuts = node.op_type in ("Relu", "Clip") and before in layers and _uses(graph, node.input[0]) == 1
        if cuts or (node.name.endswith(_SUM) and before in names):
            names.append(node.name)
    return names


def share_integers(model: "ModelProto", parts: Mapping[str, Part]) -> None:
    """Takes one of the two copies of integer weights out of a quantised model, in place.

    It is made of the other by a multiplication with signs, which runtimes do once, when they load the file.
    """
    graph = model.graph
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    nodes = []
    for name, part in parts.items():
        if part.other is not None:
            own, other = f"{name}_quantized", f"{part.other}_quantized"
            graph.initializer.remove(tensors[own])
            graph.initializer.append(numpy_helper.from_array(part.signs.astype(np.int32), f"{name}.sign"))
            nodes += [
                helper.make_node("Cast", [other], [f"{name}.wide"], name=f"{name}.widen", to=TensorProto.INT32),
                helper.make_node("Mul", [f"{name}.wide", f"{name}.sign"], [f"{name}.turned"], name=f"{name}.turn"),
                helper.make_node("Cast", [f"{name}.turned"], [own], name=f"{name}.narrow", to=TensorProto.INT8),
            ]
    nodes += graph.node
    del graph.node[:]
    graph.node.extend(nodes)


def held_integers(graph: "GraphProto") -> dict[str, np.ndarray]:
    """All constants of a quantised graph by name, those of :func:`share_integers` too."""
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type in ("Cast", "Mul") and all(name in found for name in node.input):
            first, *others = (found[name] for name in node.input)
            found[node.output[0]] = first * others[0] if others else first
    return found


def _followed(graph: "GraphProto", tensors: Mapping) -> Iterator[tuple["NodeProto", "NodeProto", "NodeProto"]]:
    """Convolutions with a Mul by a constant and the Max of both that alone read what they give."""
    layers = {node.output[0]: node for node in graph.node if node.op_type == "Conv"}
    products = {node.output[0]: node for node in graph.node if node.op_type == "Mul"}
    for node in graph.node:
        if node.op_type == "Max" and len(node.input) == 2 and node.input[1] in products:
            layer, product = layers.get(node.input[0]), products[node.input[1]]
            names = sorted(product.input, key=lambda name: name in tensors)
            if layer is not None and names[0] == layer.output[0] and names[1] in tensors:
                product.input[:] = names
                if _uses(graph, names[0]) == 2 and _uses(graph, product.output[0]) == 1:
                    yield layer, product, node


def _uses(graph: "GraphProto", name: str) -> int:
    return sum(name in node.input for node in graph.node) + sum(output.name == name for output in graph.output)


def _halves(
    layer: "NodeProto", larger: "NodeProto", slope: NDArray[np.float32], tensors: dict, parts: dict[str, Part]
) -> list["NodeProto"]:
    weights, *bias = (numpy_helper.to_array(tensors[each]) for each in layer.input[1:])
    nodes = []
    for kind, factor in _factors(slope):
        half, name = copy.deepcopy(layer), f"{layer.name}.{kind}"
        half.name = half.output[0] = name
        values = [weights * factor.reshape(-1, 1, 1, 1), *(each * factor for each in bias)]
        # Not by the names of the tensors: those that are equal are one in the graph
        half.input[1:] = [f"{name}.weight", f"{name}.bias"][: len(values)]
        tensors |= {key: numpy_helper.from_array(each, key) for key, each in zip(half.input[1:], values, strict=True)}
        parts[half.input[1]] = Part(weights, factor, nodes[0].input[1] if nodes else None)
        nodes.append(half)
    positive, linear = (half.output[0] for half in nodes)
    return [
        *nodes,
        helper.make_node("Relu", [positive], [f"{positive}.cut"], name=f"{layer.name}.cut"),
        helper.make_node("Add", [f"{positive}.cut", linear], [larger.output[0]], name=f"{layer.name}{_SUM}"),
    ]


def _in_float(source: str, larger: "NodeProto", slope: NDArray[np.float32], tensors: dict) -> list["NodeProto"]:
    nodes = [helper.make_node("Relu", [source], [f"{source}.cut"], name=f"{larger.name}.cut")]
    for (kind, factor), factored in zip(_factors(slope), (f"{source}.cut", source), strict=True):
        name = f"{larger.name}.{kind}"
        tensors[name] = numpy_helper.from_array(factor, name)
        nodes.append(helper.make_node("Mul", [factored, name], [f"{source}.{kind}"], name=name))
    return [*nodes, helper.make_node("Add", [node.output[0] for node in nodes[1:]], larger.output, name=larger.name)]


def _factors(slope: NDArray[np.float32]) -> tuple[tuple[str, NDArray[np.float32]], ...]:
    """Of ``relu(x)`` and of ``x`` in ``max(x, slope * x)``."""
    return ("positive", np.abs(1 - slope)), ("linear", np.minimum(slope, 1))
