"""int8 for ncnn, whose own quantisation tools are in no Python package."""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from mfn.inference.ncnn_file import NcnnLayer, write_ncnn

Clip = Literal["mse", "max"]
"""How far activations reach: where the squared error of rounding is least, or as far as any did."""
Depthwise = Literal["float", "int8"]
"""What depthwise convolutions work in."""
DEPTHWISE = "ConvolutionDepthWise"
SCALES_FOLLOW = {"Convolution": "2", "InnerProduct": "2", DEPTHWISE: "1"}
"""Layers to quantise, and the value of option 8 that says: a scale per output (or group), then one for the input."""
VALUES_PER_IMAGE = 2048


def quantized(
    layers: Sequence[NcnnLayer], images: np.ndarray, clip: Clip = "mse", depthwise: Depthwise = "float"
) -> list[NcnnLayer]:
    """Gives convolutions and inner products int8 weights and an int8 input.

    Args:
        layers: A float network.
        images: What it takes, float32 (N, 3, H, W), to measure activations on.
        clip: See :data:`Clip`.
        depthwise: Whether depthwise (and other grouped) convolutions too.
    """
    chosen = [layer for layer in layers if layer.kind in SCALES_FOLLOW]
    if depthwise == "float":
        chosen = [layer for layer in chosen if layer.kind != DEPTHWISE]
    samples = _samples(layers, images, {layer.inputs[0] for layer in chosen})
    reach = {blob: _REACH[clip](values) for blob, values in samples.items()}
    return [_in_int8(layer, reach[layer.inputs[0]]) if layer in chosen else layer for layer in layers]


def least_error_reach(values: np.ndarray) -> float:
    """The reach for which rounding to 127 steps, and cutting off what is beyond, has the least squared error.

    Args:
        values: Not negative, of any shape.
    """
    counts, edges = np.histogram(values, 8192)
    centres = (edges[1:] + edges[:-1]) / 2
    reaches = edges[-1] * np.linspace(0.2, 1, 81)
    steps = reaches[:, None] / 127
    errors = np.square(_rounded(centres / steps) * steps - centres) @ counts
    return float(reaches[errors.argmin()])


def _in_int8(layer: NcnnLayer, reach: float) -> NcnnLayer:
    weight, *bias = layer.arrays
    groups = layer.number(7) if layer.kind == DEPTHWISE else layer.number(0)
    rows = weight.astype(np.float32).reshape(groups, -1)
    scales = 127 / np.maximum(np.abs(rows).max(1), 1e-12)
    values = _rounded(rows * scales[:, None]).astype(np.int8).ravel()
    of_input = np.array([127 / max(reach, 1e-12)], np.float32)
    return replace(
        layer,
        options=layer.options | {8: SCALES_FOLLOW[layer.kind]},
        arrays=(values, *bias, scales.astype(np.float32), of_input),
    )


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), -127, 127)


def _samples(layers: Sequence[NcnnLayer], images: np.ndarray, blobs: Iterable[str]) -> dict[str, np.ndarray]:
    """Absolute values that each blob takes: some of each image, and the largest of each."""
    import ncnn

    runtime: Any = ncnn
    generator = np.random.default_rng(0)
    found: dict[str, list[np.ndarray]] = {blob: [] for blob in blobs}
    with tempfile.TemporaryDirectory() as folder:
        param, weights = Path(folder, "float.param"), Path(folder, "float.bin")
        write_ncnn(layers, param, weights)
        net: Any = runtime.Net()
        net.opt.lightmode = False  # keeps blobs once they were used
        net.opt.num_threads = torch.get_num_threads()
        net.load_param(str(param))
        net.load_model(str(weights))
    (entry,) = net.input_names()
    for image in images:
        extractor = net.create_extractor()
        extractor.input(entry, runtime.Mat(image).clone())
        for blob, parts in found.items():
            values = np.abs(np.array(extractor.extract(blob)[1])).ravel()
            parts += [generator.choice(values, VALUES_PER_IMAGE), values.max(keepdims=True)]
    return {blob: np.concatenate(parts) for blob, parts in found.items()}


_REACH: dict[str, Callable[[np.ndarray], float]] = {
    "mse": least_error_reach,
    "max": lambda values: float(values.max()),
}
