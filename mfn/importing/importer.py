"""A file of weights to a network of ours: read, recognised, filled."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mfn.errors import CheckpointError, ConfigError, first_line
from mfn.importing.candidates import candidates, known_layout
from mfn.importing.graph import Graph, layers_of
from mfn.importing.layers import Foreign, Layer
from mfn.importing.matching import activations_of, fill, in_order, shapes_of, slots_of
from mfn.importing.mxnet_file import read_mxnet
from mfn.importing.ncnn_graph import read_ncnn_graph
from mfn.importing.onnx_file import read_onnx
from mfn.importing.state_dict import layers_in, read_tensors
from mfn.importing.tflite_file import read_tflite

GRAPHS: dict[str, Callable[[Path], Graph]] = {
    ".onnx": read_onnx,
    ".params": read_mxnet,
    ".param": read_ncnn_graph,
    ".bin": read_ncnn_graph,
    ".tflite": read_tflite,
}
"""Readers of files that say how their layers follow one another, by what their names end in."""
TENSORS = (".pt", ".pth", ".ckpt", ".tar", ".safetensors", ".pkl")


_LAST = ("fc.weight", "output.embed.conv.weight", "output.fc.weight", "embed.weight")
"""Tensors of ours whose rows are the numbers of an embedding."""


@dataclass(frozen=True)
class Imported:
    """A network of ours with weights of others.

    Attributes:
        network: In evaluation mode.
        arguments: That build it.
        input_size: Height and width of its images.
        mean: What the file's own graph takes from the pixels; None where it says nothing.
        std: What it divides by.
        rows: What went where.
        guessed: What the file did not tell and was taken to be so.
    """

    network: nn.Module
    arguments: dict[str, Any]
    input_size: tuple[int, int]
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    rows: list[dict[str, str]]
    guessed: tuple[str, ...] = ()


def import_file(path: Path, activation: str | None = None) -> Imported:
    """Reads weights of others and recognises their network.

    Args:
        path: ``.onnx``, ``.tflite``, ``.params`` (mxnet), ``.param`` (ncnn), ``.safetensors``, or PyTorch's.
        activation: ``"relu"`` or ``"relu6"``, of a file that does not tell.

    Raises:
        CheckpointError: It cannot be read, or its network is none that is known here.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no file {path}")
    if path.suffix == ".bin" and not path.with_suffix(".param").is_file():  # PyTorch's, as of the Hugging Face hub
        return _from_tensors(path, activation)
    if (reader := GRAPHS.get(path.suffix)) is not None:
        graph = reader(path)
        try:
            return _recognised(layers_of(graph), activation)
        except CheckpointError as error:
            raise CheckpointError(f"{path}: {error}") from error
        except Exception as error:  # layers without inputs, arrays of shapes that nothing has
            raise CheckpointError(f"{path}: its layers do not fit together ({first_line(error)})") from error
    if path.suffix in TENSORS:
        return _from_tensors(path, activation)
    raise CheckpointError(f"{path}: expected a file that ends in {', '.join([*GRAPHS, *TENSORS, '.npz'])}")


def _from_tensors(path: Path, activation: str | None) -> Imported:
    tensors = read_tensors(path)
    try:
        foreign = layers_in(tensors)
        own = _by_name(tensors, foreign)
        if own is not None:
            return own
        try:
            return _recognised(foreign, activation, tuple(tensors))
        except CheckpointError:
            if (without := _without_classes(foreign)) is None:
                raise
            return _recognised(without, activation, tuple(tensors))
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error


def _without_classes(foreign: Foreign) -> Foreign | None:
    """The file without a last linear layer, which may be the classes it was trained on."""
    last = next((layer for layer in reversed(foreign.layers) if layer.kind in ("conv", "linear")), None)
    if last is None or last.kind != "linear":
        return None
    blocks = [[layer for layer in block if layer is not last] for block in foreign.blocks or []]
    return replace(foreign, layers=[layer for layer in foreign.layers if layer is not last], blocks=blocks)


def _by_name(tensors: dict[str, torch.Tensor], foreign: Foreign) -> Imported | None:
    """A network whose tensors have the very names and shapes of the file's, such as InsightFace's IResNet."""
    wanted = {name: tuple(value.shape) for name, value in tensors.items() if not name.endswith("num_batches_tracked")}
    dims = {shape[0] for name, shape in wanted.items() if name in _LAST}
    for made, arguments in candidates(foreign, names=tuple(tensors)):
        for dim in dims:
            options = {**arguments, "embedding_dim": dim}
            network = _on_meta(made, options)
            if network is None:
                continue
            here = {name: tuple(value.shape) for name, value in network.state_dict().items()}
            here = {name: shape for name, shape in here.items() if not name.endswith("num_batches_tracked")}
            if here.items() <= wanted.items():
                filled = made(**options)
                filled.load_state_dict({name: tensors[name] for name in here}, strict=False)
                rows = [
                    {"file": name, "here": name, "shape": "x".join(map(str, shape))} for name, shape in here.items()
                ]
                return Imported(filled.eval(), options, options["input_size"], None, None, rows)
    return None


def _recognised(foreign: Foreign, activation: str | None, names: tuple[str, ...] = ()) -> Imported:
    closest = ""
    for made, arguments in candidates(foreign, activation, names):
        if (layers := _fitting(foreign, made, arguments)) is None:
            continue
        network = made(**arguments)
        try:
            rows = fill(slots_of(network, arguments["input_size"]), layers)
        except CheckpointError as error:
            closest = f"; the closest, {made.__name__}, does not fit: {error}"
            continue
        told = foreign.activations or activations_of(layers) or known_layout(names)
        guessed = () if told or activation else (f"activation {arguments.get('activation')}",)
        return Imported(network.eval(), arguments, arguments["input_size"], foreign.mean, foreign.std, rows, guessed)
    count = len(shapes_of(foreign.layers))
    raise CheckpointError(f"its {count} convolutions and linear layers are those of no network known here{closest}")


def _fitting(foreign: Foreign, made: type[nn.Module], arguments: dict[str, Any]) -> list[Layer] | None:
    """The file's layers in the order of a candidate, if they are its layers."""
    if (network := _on_meta(made, arguments)) is None:
        return None
    slots = slots_of(network, arguments["input_size"])
    wanted = shapes_of(slots)
    layers = foreign.layers if shapes_of(foreign.layers) == wanted else None
    if layers is None and foreign.blocks is not None:
        layers = in_order(foreign.blocks, wanted)
    if layers is None:
        return None
    told, wanted_here = activations_of(layers), activations_of(slots)
    if foreign.activations or told:  # slopes are told by every file
        return layers if told == wanted_here else None
    return layers if "prelu" not in wanted_here else None


def _on_meta(made: type[nn.Module], arguments: dict[str, Any]) -> nn.Module | None:
    try:
        with torch.device("meta"):
            return made(**arguments)
    except ConfigError:  # sizes that this network does not come in
        return None
