"""The networks that weights of others could belong to."""

from collections.abc import Iterator
from itertools import product
from typing import Any

from torch import nn

from mfn.errors import CheckpointError
from mfn.importing.layers import Foreign
from mfn.importing.matching import shapes_of
from mfn.models.ghostfacenet import GhostFaceNet
from mfn.models.insightface import InsightFaceMBF
from mfn.models.iresnet import UNITS, IResNet
from mfn.models.mixfacenet import MixFaceNet
from mfn.models.mobilefacenet import MobileFaceNet
from mfn.models.sface import SFaceNet

Candidate = tuple[type[nn.Module], dict[str, Any]]

_LAYOUTS = {
    "dw_conv.depthwise.weight": {"activation": "relu6", "stem_activation": "relu", "stem_pointwise": "active"},
}
"""Activations that files without a graph do not tell, by a name that only they have (foamliu/MobileFaceNet)."""


def candidates(foreign: Foreign, activation: str | None = None, names: tuple[str, ...] = ()) -> Iterator[Candidate]:
    """Networks of ours, the likeliest first, each by its class and arguments.

    Args:
        foreign: What the file holds.
        activation: Of a file that does not tell; None leaves it open.
        names: Of the file's tensors.

    Raises:
        CheckpointError: The file holds too little for any network.
    """
    shapes = shapes_of(foreign.layers)
    if len(shapes) < 4 or not foreign.layers:
        raise CheckpointError(
            f"it holds {len(shapes)} convolutions and linear layers, too few for a network known here"
        )
    for size in _sizes(foreign):
        yield from _of_size(foreign, activation, names, {"embedding_dim": _last(foreign), "input_size": size})


def _of_size(
    foreign: Foreign, activation: str | None, names: tuple[str, ...], basic: dict[str, Any]
) -> Iterator[Candidate]:
    shapes = shapes_of(foreign.layers)
    first = next((shape[0] for shape in shapes if shape[1:] == (3, 3, 3)), 64)
    known = known_layout(names)
    for options in [known] if known else _activations(foreign, activation):
        for stem, between, padding in product((None, "linear", "active"), (0, 512), _paddings(foreign)):
            for expansion in (1.0, 2.0):
                more = {"stem_pointwise": stem, "between": between, "padding": padding, "expansion": expansion}
                yield MobileFaceNet, {**basic, "width": first / 64, **more, **options}
        for blocks in ((1, 4, 6, 2), (2, 8, 12, 4)):
            if "stem_activation" not in options:
                yield InsightFaceMBF, {**basic, "blocks": blocks, "scale": max(1, first // 64), **options}
    for depth in UNITS:
        yield IResNet, {**basic, "depth": depth}
    yield SFaceNet, dict(basic)
    for stem_stride in (1, 2):
        for activation_name in ("prelu", "relu"):
            yield GhostFaceNet, {**basic, "stem_stride": stem_stride, "activation": activation_name}
    for width, last in ((1.0, 1024), (0.5, 512)):
        yield MixFaceNet, {**basic, "width": width, "last_channels": last}


def known_layout(names: tuple[str, ...]) -> dict[str, str] | None:
    """What is known of the activations of a file by the names of its tensors."""
    return next((options for name, options in _LAYOUTS.items() if name in names), None)


def _last(foreign: Foreign) -> int:
    return next(len(layer.weight) for layer in reversed(foreign.layers) if layer.kind in ("conv", "linear"))


def _sizes(foreign: Foreign) -> list[tuple[int, int]]:
    """Of the images: as the file says, or the usual one and sixteen times the kernels that may be global ones."""
    if foreign.input_size is not None:
        return [foreign.input_size]
    shapes = {layer.weight.shape for layer in foreign.layers if layer.kind == "conv" and layer.weight.shape[1] == 1}
    kernels = sorted({shape[2:] for shape in shapes if min(shape[2:]) > 5} - {(7, 7)})
    return [(112, 112), *[(16 * height, 16 * width) for height, width in kernels]]


def _activations(foreign: Foreign, chosen: str | None) -> list[dict[str, str]]:
    kinds = {layer.kind for layer in foreign.layers} & {"prelu", "relu", "relu6"}
    if foreign.activations and kinds:
        main = [name for name in ("prelu", "relu6", "relu") if name in kinds]
        return [
            {"activation": main[0]},
            *[{"activation": a, "stem_activation": b} for a, b in product(main, main) if a != b],
        ]
    if "prelu" in kinds:
        return [{"activation": "prelu"}]
    return [{"activation": name} for name in ([chosen] if chosen else ["relu6", "relu"])]


def _paddings(foreign: Foreign) -> list[str]:
    uneven = {layer.same for layer in foreign.layers if layer.kind == "conv" and (layer.stride or 1) > 1}
    return ["tensorflow"] if uneven == {True} else ["even"]
