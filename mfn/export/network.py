"""A trained backbone to the network that goes into a file: folded, and with what the app should not have to do."""

import copy
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mfn.contract import InputContract
from mfn.errors import ExportError
from mfn.export.prelu import with_prelu

INPUT, OUTPUT = "image", "embedding"
"""Names of a file's one input and one output."""


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What a file should be like; how PReLU is written is each target's own business.

    Attributes:
        precision: One of the target's ``precisions``, as ``"fp32"``, ``"fp16"``, ``"int8"``.
        input: ``"float32"``, normalised by the app as the contract says, or ``"uint8"`` pixels, normalised inside.
        color: Channel order the file takes, ``"RGB"`` or ``"BGR"``; None leaves the network's own.
        l2_normalize: Give embeddings of unit length.
    """

    precision: str = "fp32"
    input: Literal["float32", "uint8"] = "float32"
    color: Literal["RGB", "BGR"] | None = None
    l2_normalize: bool = False

    def __post_init__(self) -> None:
        if self.input not in ("float32", "uint8"):
            raise ExportError(f"input={self.input} must be float32 or uint8")
        if self.color not in (None, "RGB", "BGR"):
            raise ExportError(f"color={self.color} must be RGB, BGR or null")


@dataclass(frozen=True)
class Deployable:
    """A network ready for a target, with what the file should say about it.

    Attributes:
        network: In evaluation mode, float32, on the CPU. Takes (N, 3, H, W): floats normalised by the contract, or
            with ``options.input == "uint8"`` pixels in the contract's colour order; gives float32 (N, D). Its PReLUs
            are ``nn.PReLU``; see :func:`mfn.export.prelu.with_prelu`.
        contract: Of the file; ``color`` is what the file takes.
        options: How it was made.
        metadata: Plain strings for the file, ``mfn.contract`` (JSON) and others, see :mod:`mfn.export.metadata`.
        trained: The network as it was trained, with ``_target_`` and arguments that make it.
    """

    network: nn.Module
    contract: InputContract
    options: ExportOptions
    metadata: dict[str, str] = field(default_factory=dict)
    trained: tuple[nn.Module, Mapping[str, Any]] | None = None

    @property
    def takes_pixels(self) -> bool:
        """Whether the network normalises inside."""
        return self.options.input == "uint8"

    def inputs(self, images: np.ndarray | Tensor) -> Tensor:
        """What the network takes, of uint8 RGB images (N, H, W, 3): contiguous (N, 3, H, W), float32 or uint8."""
        pixels = torch.as_tensor(images)
        prepare = self.contract.arrange if self.takes_pixels else self.contract.normalize
        return prepare(pixels).contiguous()

    def example(self, batch: int = 1) -> Tensor:
        """Noise of the input's shape and type, for exporters that trace."""
        shape = (batch, self.contract.height, self.contract.width, 3)
        return self.inputs(np.random.default_rng(0).integers(0, 256, shape, np.uint8))


def deployable(
    backbone: nn.Module,
    contract: InputContract,
    options: ExportOptions,
    metadata: Mapping[str, str] | None = None,
) -> Deployable:
    """Folds a copy of the backbone and puts into it what the options ask for.

    Args:
        backbone: Takes normalised float (N, 3, H, W), gives (N, D); it is not changed.
        contract: What it expects.
        options: What the file should be like.
        metadata: What else the file should say.

    Raises:
        ExportError: The colour order is to change and the network does not begin with a convolution of 3 channels.
    """
    network = with_prelu(folded(backbone), "native")
    if options.color is not None and options.color != contract.color:
        _turn_colors(network)
        contract = dataclasses.replace(contract, color=options.color, mean=contract.mean[::-1], std=contract.std[::-1])
    pixels = Pixels(contract) if options.input == "uint8" else None
    whole = WholeNetwork(network, pixels, options.l2_normalize).eval()
    return Deployable(whole, contract, options, dict(metadata or {}))


class WholeNetwork(nn.Module):
    """What a file holds.

    Args:
        backbone: Takes normalised floats (N, 3, H, W), gives (N, D).
        pixels: Normalises inside; None where the app does.
        l2_normalize: Bring embeddings to unit length; the floor of the length is one that float16 can hold.
    """

    def __init__(self, backbone: nn.Module, pixels: nn.Module | None, l2_normalize: bool) -> None:
        super().__init__()
        self.pixels = pixels
        self.backbone = backbone
        self.l2_normalize = l2_normalize

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, H, W), uint8 or normalised floats, to float (N, D)."""
        embedding = self.backbone(image if self.pixels is None else self.pixels(image))
        if not self.l2_normalize:
            return embedding
        return embedding / torch.linalg.vector_norm(embedding, dim=1, keepdim=True).clamp_min(1e-4)


class Pixels(nn.Module):
    """uint8 pixels (N, 3, H, W) to normalised floats.

    Not folded into the first convolution, whose padding is zero after normalisation, not before.

    Args:
        contract: Mean and standard deviation of each channel.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, contract: InputContract) -> None:
        super().__init__()
        mean, std = (
            torch.tensor(values, dtype=torch.float64).view(1, 3, 1, 1) for values in (contract.mean, contract.std)
        )
        self.register_buffer("scale", (1 / std).float())
        self.register_buffer("shift", (-mean / std).float())

    def forward(self, pixels: Tensor) -> Tensor:
        """uint8 to float32, the same shape."""
        return pixels.float() * self.scale + self.shift


def _turn_colors(network: nn.Module) -> None:
    """Makes a network take its channels in the opposite order, at no cost when it runs."""
    first = next((module for module in network.modules() if isinstance(module, nn.Conv2d)), None)
    if first is None or first.in_channels != 3 or first.groups != 1:
        raise ExportError("color can only be changed where the network begins with a convolution of 3 channels")
    first.weight.data = first.weight.data.flip(1).contiguous()


def folded(network: nn.Module) -> nn.Module:
    """A float32 copy in evaluation mode whose batch normalisations are part of the convolutions before them.

    The arithmetic is float64, so that rounding happens once. Only a convolution and a normalisation that follow one
    another in an ``nn.Sequential`` are joined; a normalisation anywhere else stays what it is.

    Args:
        network: Any module; it is not changed. One with a method ``deployed`` first becomes what that gives.
    """
    network = copy.deepcopy(network).cpu().double().eval().requires_grad_(False)
    if hasattr(network, "deployed"):
        network = network.deployed()  # type: ignore[operator]
    for module in network.modules():
        if isinstance(module, nn.Sequential):
            _fold_children(module)
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.Dropout):
                setattr(module, name, nn.Identity())
    # Training keeps channels-last weights; exporters and the folded hash want plain ones
    return network.to(torch.float32, memory_format=torch.contiguous_format)  # type: ignore[call-overload]


def _fold_children(block: nn.Sequential) -> None:
    children = list(block.named_children())
    for (name, conv), (bn_name, bn) in pairwise(children):
        if isinstance(conv, nn.Conv2d) and isinstance(bn, nn.BatchNorm2d):
            setattr(block, name, fuse_conv_bn_eval(conv, bn))
            delattr(block, bn_name)
