"""What a foreign file holds, brought to one form: its layers in the order in which an image passes them."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Kind = str
"""``conv``, ``linear``, ``bn``, ``prelu``, ``relu`` or ``relu6``."""


@dataclass(frozen=True)
class Layer:
    """One layer.

    Attributes:
        kind: See :data:`Kind`.
        name: As the file calls it.
        weight: Of a convolution (out, in / groups, height, width), of a linear layer (out, in); slopes of a PReLU (C,);
            factor of a normalisation (C,). Empty for the other two.
        bias: Added to each output channel, or None.
        stride: Of a convolution; None where the file does not say.
        padding: Rows of zeros before the first of a convolution's input; None where the file does not say.
        same: Whether a convolution is padded as TensorFlow does, more at the end than at the beginning.
        rows_last: Whether a linear layer takes its features in the order height, width, channels.
    """

    kind: Kind
    name: str
    weight: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    bias: NDArray[np.float64] | None = None
    stride: int | None = None
    padding: int | None = None
    same: bool = False
    rows_last: bool = False


@dataclass(frozen=True)
class Foreign:
    """What was found in a file.

    Attributes:
        layers: In the order of the forward pass; of a file without a graph, in the order in which they are stored.
        input_size: Height and width of the images, where the file says so.
        mean: What the graph itself takes from the pixels, where it does.
        std: What it divides by.
        blocks: Of a file without a graph, the layers by the module that holds them; these may be stored in any order.
        activations: Whether the layers without weights, ReLU and ReLU6, are among them.
    """

    layers: list[Layer]
    input_size: tuple[int, int] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    blocks: list[list[Layer]] | None = None
    activations: bool = True


def normalisation(
    name: str,
    weight: NDArray[np.float64] | None,
    bias: NDArray[np.float64] | None,
    mean: NDArray[np.float64],
    variance: NDArray[np.float64],
    eps: float,
) -> Layer:
    """A batch normalisation as factor and bias of each channel, which keeps the file's own epsilon."""
    mean, variance = np.asarray(mean, np.float64), np.asarray(variance, np.float64)
    factor = np.ones_like(mean) if weight is None else np.asarray(weight, np.float64)
    factor = factor / np.sqrt(variance + eps)
    shift = np.zeros_like(mean) if bias is None else np.asarray(bias, np.float64)
    return Layer("bn", name, factor, shift - mean * factor)
