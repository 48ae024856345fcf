"""A computation graph to layers: convolutions stand as they are, and what lies between them is tried out on numbers.

Formats write one and the same activation in many ways: a PReLU may be one operator, or ReLU, Abs, Sub, Mul and Add. So
whatever works on each number by itself is computed on a few of them, and known by what it does.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfn.errors import CheckpointError
from mfn.importing.layers import Foreign, Layer, normalisation

PROBES = np.array([[-8.0], [-1.0], [0.0], [1.0], [8.0]])

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Node:
    """One operation.

    Attributes:
        kind: ``conv``, ``linear``, ``bn``, ``same`` (what leaves numbers as they are), or one of :data:`ELEMENTWISE`.
        name: For messages.
        inputs: Names of values or of constants.
        output: Name of the value it gives.
        options: What else a kind needs.
    """

    kind: str
    name: str
    inputs: tuple[str, ...]
    output: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """A network as a file holds it.

    Attributes:
        nodes: In any order.
        constants: Arrays by name.
        input: Name of the images.
        output: Name of the embedding.
        input_size: Height and width of the images, where the file says so.
        rows_last: Whether values are (N, H, W, C); constants of one number per channel are the same in both.
    """

    nodes: list[Node]
    constants: dict[str, Array]
    input: str
    output: str
    input_size: tuple[int, int] | None = None
    rows_last: bool = False


ELEMENTWISE: dict[str, Callable[..., Array]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "abs": np.abs,
    "neg": np.negative,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "clip": lambda x, low, high: np.clip(x, low, high),
    "prelu": lambda x, slope: np.where(x > 0, x, slope * x),
}


@dataclass(frozen=True)
class _Value:
    """A function of one number of each channel of what a layer gives, known at the probes: (probes, channels or 1)."""

    root: str
    at_probes: Array


def layers_of(graph: Graph) -> Foreign:
    """The layers of a graph in the order of the forward pass, of two branches that are added the first one first.

    Raises:
        CheckpointError: It holds what no network known here has.
    """
    found: list[Layer] = []
    values: dict[str, _Value] = {graph.input: _Value(graph.input, PROBES)}
    emitted: set[str] = set()
    pixels: list[Array] = []

    def consumed(name: str) -> str:
        """The layer whose result a value is; what happened to it since becomes layers of its own, once."""
        value = values[name]
        if value.root == graph.input:
            if not pixels:
                pixels.append(value.at_probes)
        elif name not in emitted:
            emitted.add(name)
            found.extend(_recognised(value, name))
        return value.root

    for node in _ordered(graph):
        inputs = [name for name in node.inputs if name not in graph.constants]
        constants = [graph.constants[name] for name in node.inputs if name in graph.constants]
        if node.kind == "same":
            values[node.output] = values[inputs[0]]
        elif node.kind in ELEMENTWISE and len({values[name].root for name in inputs}) == 1:
            values[node.output] = _computed(node, graph, values)
        elif node.kind == "add" and len(inputs) == 2:
            for name in inputs:
                consumed(name)
            values[node.output] = _Value(node.output, PROBES)
        elif node.kind in ("conv", "linear", "bn"):
            consumed(inputs[0])
            found.append(_layer(node, constants, graph.rows_last))
            values[node.output] = _Value(node.output, PROBES)
        else:
            raise CheckpointError(f"layer {node.name} is of a kind ({node.kind}) that no network known here has")
    consumed(graph.output)
    mean, std = _pixels(pixels[0] if pixels else PROBES)
    return Foreign(found, graph.input_size, mean, std)


def _ordered(graph: Graph) -> Iterable[Node]:
    """Each node after those it needs, following the first input before the second."""
    makers = {node.output: node for node in graph.nodes}
    done, order, stack = {graph.input, *graph.constants}, [], [graph.output]
    waiting: set[str] = set()
    while stack:
        name = stack[-1]
        if name in done:
            stack.pop()
            continue
        if (node := makers.get(name)) is None:
            raise CheckpointError(f"nothing in it gives {name}, which another layer needs")
        missing = [each for each in node.inputs if each not in done]
        if not missing:
            order.append(node)
            done.add(name)
            stack.pop()
        elif name in waiting and missing[0] in stack:
            raise CheckpointError(f"its layers go round in a circle at {name}")
        else:
            waiting.add(name)
            stack.append(missing[0])
    return order


def _layer(node: Node, constants: list[Array], rows_last: bool) -> Layer:
    options = dict(node.options)
    if not constants:
        raise CheckpointError(f"layer {node.name} has no weights of its own in the file")
    if node.kind == "bn":
        return (
            normalisation(node.name, *constants, eps=options["eps"])
            if len(constants) == 4
            else Layer("bn", node.name, constants[0], constants[1])
        )
    bias = constants[1].reshape(-1) if len(constants) > 1 else None
    if node.kind == "linear":
        return Layer("linear", node.name, constants[0], bias, rows_last=rows_last)
    return Layer("conv", node.name, constants[0], bias, options["stride"], options["padding"], options["same"])


def _computed(node: Node, graph: Graph, values: Mapping[str, _Value]) -> _Value:
    root = next(values[name].root for name in node.inputs if name in values)
    arguments = []
    for name in node.inputs:
        if name in values:
            arguments.append(values[name].at_probes)
        else:
            constant = graph.constants[name]
            if constant.size != max(constant.shape, default=1):
                raise CheckpointError(
                    f"layer {node.name} works with an array of shape {constant.shape}, not one per channel"
                )
            arguments.append(constant.reshape(1, -1))
    try:
        return _Value(root, np.asarray(ELEMENTWISE[node.kind](*arguments), np.float64))
    except ValueError as error:
        raise CheckpointError(f"layer {node.name} joins channels that do not fit") from error


def _recognised(value: _Value, name: str) -> list[Layer]:
    """The layers that a function of one number is: none, an activation, or a factor and a bias."""
    low, minus, zero, one, high = value.at_probes
    if np.allclose(value.at_probes, PROBES):
        return []
    if (
        np.allclose(low - minus, 7 * (minus - zero))
        and np.allclose(high - one, 7 * (one - zero))
        and np.allclose(one - zero, zero - minus)
    ):
        return [Layer("bn", name, one - zero, zero)]
    if np.allclose(zero, 0) and np.allclose(one, 1):
        if np.allclose(high, 6) and np.allclose(low, 0):
            return [Layer("relu6", name)]
        if np.allclose(high, 8) and np.allclose(low, 8 * minus, atol=1e-6):
            return [Layer("relu", name)] if np.allclose(minus, 0) else [Layer("prelu", name, -minus)]
    raise CheckpointError(f"what leads to {name} is no activation that a network known here has")


def _pixels(at_probes: Array) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    """Mean and standard deviation that a graph takes from the pixels itself."""
    _, _, zero, one, high = at_probes
    factor = one - zero
    if np.allclose(at_probes, PROBES) or not np.allclose(high - zero, 8 * factor) or (factor == 0).any():
        return None, None
    std = np.resize(1 / factor, 3)
    mean = np.resize(-zero / factor, 3)
    return tuple(float(round(value, 4)) for value in mean), tuple(float(round(value, 4)) for value in std)
