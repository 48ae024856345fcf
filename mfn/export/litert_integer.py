"""LiteRT models without a float: integer pixels in, an integer embedding out."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mfn.contract import InputContract
from mfn.errors import ExportError
from mfn.export.larger_prelu import without_prelu
from mfn.export.litert_convert import float_model
from mfn.export.litert_file import operator_names, read_model
from mfn.export.litert_quantize import Grid, all_integer
from mfn.export.litert_ranges import Ranges, activation_ranges
from mfn.export.network import INPUT, WholeNetwork

PIXELS = {"uint8": (0, 255), "int8": (0, 255), "int16": (-32767, 32767)}
"""Types that the input may have, and what range makes their steps whole pixels; int8 is a pixel less 128."""
_KINDS = {0: "float32", 1: "float16", 3: "uint8", 7: "int16", 9: "int8"}
"""Numbers of the schema."""


class PixelConvolution(nn.Module):
    """The normalisation of pixels as a convolution of each channel by itself, which bears an integer input.

    Args:
        contract: Mean and standard deviation of each channel.
    """

    def __init__(self, contract: InputContract) -> None:
        super().__init__()
        mean, std = (torch.tensor(values, dtype=torch.float64) for values in (contract.mean, contract.std))
        self.conv = nn.Conv2d(3, 3, 1, groups=3)
        self.conv.weight.data = (1 / std).float().view(3, 1, 1, 1)
        self.conv.bias = nn.Parameter((-mean / std).float())

    def forward(self, pixels: Tensor) -> Tensor:
        """Float 0..255 to normalised floats, the same shape."""
        return self.conv(pixels)


def integer_only(
    network: nn.Module,
    contract: InputContract,
    images: np.ndarray,
    batch: int,
    coverage: float,
    pixels: str,
    grid: Grid,
) -> bytes:
    """A model that holds no float.

    Args:
        network: Takes pixels; folded, PReLU as ``nn.PReLU``, no unit length.
        contract: What its pixels become.
        images: uint8 (N, H, W, 3) in the contract's order of channels, to measure activations on.
        batch: Images that the file takes at a time.
        coverage: See :func:`activation_ranges`.
        pixels: One of ``PIXELS``.
        grid: What numbers are rounded to.

    Raises:
        ExportError: LiteRT has no integer form of some operators.
    """
    assert isinstance(network, WholeNetwork)
    whole = WholeNetwork(without_prelu(network.backbone), PixelConvolution(contract), l2_normalize=False).eval()
    values = images.astype(np.float32)
    content = float_model(whole, torch.from_numpy(values[:1]).permute(0, 3, 1, 2).repeat(batch, 1, 1, 1).contiguous())
    ranges = _alike(content, activation_ranges(content, values, coverage) | {INPUT: PIXELS[pixels]})
    done = all_integer(content, ranges, grid, unsigned_input=pixels == "uint8")
    if left := float_operators(done):
        raise ExportError(
            f"LiteRT has no integer form of this network's {', '.join(left)}: target.litert.integer_only=null"
        )
    return done


def float_operators(content: bytes) -> list[str]:
    """Names of the operators that read or write floats, each once."""
    model = read_model(content)
    graph = model.subgraphs[0]
    found = {
        name
        for name, step in zip(operator_names(model), graph.operators, strict=True)
        if any(_kind(graph.tensors[i]).startswith("float") for i in (*step.inputs, *step.outputs) if i >= 0)
    }
    return sorted(found)


def integer_ends(model: Any) -> dict[str, dict[str, Any]]:
    """``dtype``, ``scale`` and ``zero_point`` of the input and the output; empty where the output is of floats."""
    graph = model.subgraphs[0]
    ends = [graph.tensors[number] for number in (graph.inputs[0], graph.outputs[0])]
    if _kind(ends[1]).startswith("float"):
        return {}
    return {
        tensor.name.decode(): {
            "dtype": _kind(tensor),
            "scale": float(tensor.quantization.scale[0]),
            "zero_point": int(tensor.quantization.zeroPoint[0]),
        }
        for tensor in ends
    }


def _alike(content: bytes, ranges: Ranges) -> Ranges:
    """One range for what each MAXIMUM reads and writes, which its kernel wants; else they are rounded once more."""
    model = read_model(content)
    graph, ranges = model.subgraphs[0], dict(ranges)
    for name, step in zip(operator_names(model), graph.operators, strict=True):
        if name == "MAXIMUM":
            names = [graph.tensors[number].name.decode() for number in (*step.inputs, *step.outputs)]
            lows, highs = zip(*(ranges[tensor] for tensor in names), strict=True)
            ranges |= dict.fromkeys(names, (min(lows), max(highs)))
    return ranges


def _kind(tensor: Any) -> str:
    return _KINDS.get(tensor.type, "")
