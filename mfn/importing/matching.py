"""Fills a network of ours with the layers of a file, and says what went where."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mfn.errors import CheckpointError
from mfn.importing.layers import Layer

_KINDS: tuple[tuple[type[nn.Module], str], ...] = (
    (nn.Conv2d, "conv"),
    (nn.Linear, "linear"),
    (nn.BatchNorm2d, "bn"),
    (nn.BatchNorm1d, "bn"),
    (nn.PReLU, "prelu"),
    (nn.ReLU6, "relu6"),
    (nn.ReLU, "relu"),
)
_ACTIVATIONS = ("prelu", "relu", "relu6")


@dataclass(frozen=True)
class Slot:
    """One layer of a network of ours, as an image meets it.

    Attributes:
        name: Of the module.
        kind: As of a :class:`Layer`.
        module: Itself.
    """

    name: str
    kind: str
    module: nn.Module

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the weight of a convolution or linear layer."""
        weight = self.module.weight
        assert isinstance(weight, Tensor)
        return tuple(weight.shape)


def slots_of(network: nn.Module, input_size: tuple[int, int]) -> list[Slot]:
    """The layers of a network in the order of its forward pass; it may lie on the meta device."""
    found: list[Slot] = []
    hooks = []
    for name, module in network.named_modules():
        kind = next((kind for made, kind in _KINDS if isinstance(module, made)), None)
        if kind is not None:
            slot = Slot(name, kind, module)
            hooks.append(module.register_forward_hook(lambda *_, slot=slot: found.append(slot)))
    device = next(network.parameters()).device
    try:
        with torch.no_grad():
            network.eval()(torch.zeros(1, 3, *input_size, device=device))
    finally:
        for hook in hooks:
            hook.remove()
    return found


def shapes_of(layers: Iterable[Layer | Slot]) -> list[tuple[int, ...]]:
    """Shapes of convolutions and linear layers in order; a linear layer is the 1x1 convolution that it can be."""
    shapes = []
    for layer in layers:
        if layer.kind in ("conv", "linear"):
            shape = layer.weight.shape if isinstance(layer, Layer) else layer.shape
            shapes.append((*shape, 1, 1) if len(shape) == 2 else tuple(shape))
    return shapes


def activations_of(layers: Iterable[Layer | Slot]) -> list[str]:
    """Kinds of the activations in order."""
    return [layer.kind for layer in layers if layer.kind in _ACTIVATIONS]


def in_order(blocks: Sequence[Sequence[Layer]], wanted: Sequence[tuple[int, ...]]) -> list[Layer] | None:
    """The blocks of a file in an order in which their convolutions have the wanted shapes; None where there is none."""
    if len(blocks) > 60:  # modules without a hierarchy: stored one by one, in order
        return None
    joined: list[list[Layer]] = []
    for block in blocks:  # one without convolutions stays behind the one it is stored behind
        if shapes_of(block) or not joined:
            joined.append(list(block))
        else:
            joined[-1] += block

    def search(left: tuple[int, ...], at: int) -> list[int] | None:
        if not left:
            return [] if at == len(wanted) else None
        for index in left:
            shapes = shapes_of(joined[index])
            if list(wanted[at : at + len(shapes)]) == shapes:
                rest = search(tuple(one for one in left if one != index), at + len(shapes))
                if rest is not None:
                    return [index, *rest]
        return None

    order = search(tuple(range(len(joined))), 0)
    return None if order is None else [layer for index in order for layer in joined[index]]


def fill(slots: Sequence[Slot], layers: Sequence[Layer]) -> list[dict[str, str]]:
    """Copies the layers into the slots.

    A bias of a convolution goes into the normalisation behind it. Where the file has folded a normalisation into its
    convolution, ours does nothing but add the bias.

    Returns:
        A row for each convolution or linear layer: its name in the file, its name here, and its shape.

    Raises:
        CheckpointError: A layer is missing, or there is one too many.
    """
    rows, at, channels = [], 0, 3
    pending: np.ndarray | None = None

    def next_kind() -> str:
        return layers[at].kind if at < len(layers) else "the end"

    for position, slot in enumerate(slots):
        if slot.kind in ("conv", "linear"):
            if next_kind() not in ("conv", "linear"):
                raise CheckpointError(f"{slot.name} should follow, and the file has {_called(layers, at)}")
            layer = layers[at]
            at += 1
            pending = _set_weight(slot, layer, channels)
            channels = slot.shape[0]
            rows.append({"file": layer.name, "here": slot.name, "shape": "x".join(map(str, layer.weight.shape))})
        elif slot.kind == "bn":
            there = sum(1 for _ in takewhile(lambda one: one.kind == "bn", layers[at:]))
            here = sum(1 for _ in takewhile(lambda one: one.kind == "bn", slots[position:]))
            after_conv = position > 0 and slots[position - 1].kind in ("conv", "linear")
            if there >= here or (there and not after_conv):
                _set_affine(slot, layers[at].weight, layers[at].bias, pending)
                at += 1
            elif after_conv:
                _set_affine(slot, np.ones(1), None, pending)
            else:
                raise CheckpointError(f"{slot.name} should follow, and the file has {_called(layers, at)}")
            pending = None
        else:
            if next_kind() in _ACTIVATIONS:
                if layers[at].kind != slot.kind:
                    raise CheckpointError(f"{slot.name} is {slot.kind}, and the file has {_called(layers, at)}")
                if slot.kind == "prelu":
                    _assign(slot.module, "weight", np.broadcast_to(layers[at].weight.reshape(-1), slot.shape))
                at += 1
            elif slot.kind == "prelu":
                raise CheckpointError(f"{slot.name} should follow, and the file has {_called(layers, at)}")
        if pending is not None and slot.kind in _ACTIVATIONS:
            raise CheckpointError(f"the bias before {slot.name} has no place in this network")
    if at != len(layers):
        raise CheckpointError(f"the file goes on with {_called(layers, at)} where the network ends")
    return rows


def _called(layers: Sequence[Layer], at: int) -> str:
    return f"{layers[at].kind} {layers[at].name}" if at < len(layers) else "nothing more"


def _set_weight(slot: Slot, layer: Layer, channels: int) -> np.ndarray | None:
    """Sets the weight, and the bias where there is one here; gives back a bias that belongs elsewhere."""
    weight = layer.weight
    if layer.rows_last and layer.kind == "linear" and weight.shape[1] % channels == 0:
        # Over features (height, width, channels), and here over (channels, height, width)
        weight = weight.reshape(len(weight), -1, channels).transpose(0, 2, 1).reshape(weight.shape)
    _check_geometry(slot, layer)
    if weight.size != int(np.prod(slot.shape)) or weight.shape[:1] != slot.shape[:1]:
        raise CheckpointError(f"{layer.name} has shape {weight.shape}, {slot.name} {slot.shape}")
    _assign(slot.module, "weight", weight.reshape(slot.shape))
    if getattr(slot.module, "bias", None) is None:
        return layer.bias
    _assign(slot.module, "bias", np.zeros(slot.shape[0]) if layer.bias is None else layer.bias)
    return None


def _check_geometry(slot: Slot, layer: Layer) -> None:
    """Whether a convolution steps and pads as ours does, where the file says how."""
    conv: Any = slot.module
    if slot.kind != "conv" or layer.kind != "conv":
        return
    if layer.stride is not None and layer.stride != conv.stride[0]:
        raise CheckpointError(f"{layer.name} has a stride of {layer.stride}, {slot.name} of {conv.stride[0]}")
    (padding, *_) = conv.padding  # rows, then columns
    if layer.padding is not None and not layer.same and layer.padding != padding:
        raise CheckpointError(f"{layer.name} has a padding of {layer.padding}, {slot.name} of {padding}")


def _set_affine(slot: Slot, factor: np.ndarray, bias: np.ndarray | None, before: np.ndarray | None) -> None:
    """Makes a normalisation compute factor * (x + before) + bias."""
    norm: Any = slot.module
    count = norm.num_features
    factor = np.broadcast_to(factor, (count,))
    shift = np.zeros(count) if bias is None else bias
    if before is not None:
        shift = shift + factor * before
    if shift.shape != (count,):
        raise CheckpointError(f"{slot.name} has {count} channels, the file {shift.size}")
    _assign(norm, "weight", factor)
    _assign(norm, "bias", shift)
    _assign(norm, "running_mean", np.zeros(count))
    _assign(norm, "running_var", np.full(count, 1 - norm.eps))


def _assign(module: nn.Module, name: str, value: np.ndarray) -> None:
    target = getattr(module, name)
    if tuple(target.shape) != value.shape:
        raise CheckpointError(f"an array of shape {value.shape} is to go where {tuple(target.shape)} is wanted")
    with torch.no_grad():
        target.copy_(torch.from_numpy(np.array(value, np.float64)))
