"""ncnn: Tencent's runtime for phones, without dependencies."""

import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mfn.errors import ExportError
from mfn.export.equalize import equalized
from mfn.export.ncnn_int8 import Clip, Depthwise, quantized
from mfn.export.network import INPUT, OUTPUT, Deployable, ExportOptions, WholeNetwork
from mfn.export.saturation import widened
from mfn.export.target import Description, expect, quiet
from mfn.inference.ncnn_file import NcnnLayer, read_ncnn, read_param, renamed, write_ncnn
from mfn.inference.ncnn_network import MAGIC, PIXELS

EQUALIZED_ON = 64
"""Faces whose activations say how channels are brought to one range; more change nothing."""


class NcnnTarget:
    """Writes ``.param`` and ``.bin`` for one image at a time; pixels go in as floats from 0 to 255.

    The format has no place for metadata but the input layer, which says height, width and, by its name, whether the
    network takes pixels.

    Args:
        clip: How int8 finds the reach of activations.
        depthwise: What depthwise convolutions of int8 files work in.
    """

    name = "ncnn"
    suffix = ".param"
    precisions = ("fp32", "fp16", "int8")
    calibrated = ("int8",)
    requires = (("ncnn", "ncnn"), ("pnnx", "ncnn"))
    runs_here = True

    def __init__(self, clip: Clip = "mse", depthwise: Depthwise = "float") -> None:
        expect(f"target.ncnn.clip={clip}", "mse or max", clip in ("mse", "max"))
        expect(f"target.ncnn.depthwise={depthwise}", "float or int8", depthwise in ("float", "int8"))
        self.clip: Clip = clip
        self.depthwise: Depthwise = depthwise

    def check(self, precisions: Sequence[str], options: ExportOptions) -> None:
        """Looks whether the options fit what is to be written.

        Raises:
            ExportError: They do not.
        """
        given = f"precision={','.join(precisions)} with target.ncnn.depthwise=int8"
        expect(given, "int8, alone or among others", self.depthwise == "float" or "int8" in precisions)

    def export(self, deployable: Deployable, path: Path, calibration: np.ndarray | None) -> list[Path]:
        """See :class:`mfn.export.target.Target`."""
        if deployable.options.precision == "int8":
            assert calibration is not None
            images = deployable.inputs(calibration)
            even = replace(deployable, network=equalized(deployable.network, images[:EQUALIZED_ON]))
            layers = quantized(_converted(even), images.float().numpy(), self.clip, self.depthwise)
        else:
            layers = _converted(deployable)
        if deployable.options.precision != "fp32":
            layers = [_in_half(layer) for layer in layers]
        weights = path.with_suffix(".bin")
        write_ncnn(layers, path, weights)
        return [path, weights]

    def describe(self, path: Path) -> Description:
        """Layers as the file has them; int8 ones are told apart."""
        layers = list(read_param(path))
        kinds = Counter(layer.kind + " int8" * bool(layer.number(8)) for layer in layers if layer.kind != "Input")
        proven = widened("ncnn") if any(kind.endswith("int8") for kind in kinds) else ""
        return Description(f"param {MAGIC}", dict(kinds), "1", proven)


class _AsPnnxKnowsIt(nn.Module):
    """The same network with its unit length as the one operator that pnnx takes for ncnn's own layer."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        assert isinstance(network, WholeNetwork)
        self.unit_length = network.l2_normalize
        self.network = WholeNetwork(network.backbone, network.pixels, l2_normalize=False)

    def forward(self, image: Tensor) -> Tensor:
        embedding = self.network(image)
        return functional.normalize(embedding, eps=1e-4) if self.unit_length else embedding


def _converted(deployable: Deployable) -> list[NcnnLayer]:
    """The network as float32 ncnn layers, by pnnx."""
    example = deployable.example().float()  # ncnn knows no uint8 blobs
    with tempfile.TemporaryDirectory() as folder:
        source, param, weights = (Path(folder, name) for name in ("net.pt", "net.ncnn.param", "net.ncnn.bin"))
        with quiet():  # TorchScript is deprecated, and what pnnx reads
            torch.jit.save(torch.jit.trace(_AsPnnxKnowsIt(deployable.network), example), str(source))
        _run_pnnx(source, example.shape)
        layers = read_ncnn(param, weights)
    if unknown := [layer.kind for layer in layers if not layer.kind.isalnum()]:  # as "aten::clamp", "pnnx.Expression"
        raise ExportError(f"ncnn has no layer for {', '.join(unknown)}")
    return _with_our_names(layers, deployable)


def _run_pnnx(source: Path, shape: Sequence[int]) -> None:
    import pnnx

    sizes = ",".join(map(str, shape))
    command = [pnnx.EXEC_PATH, source.name, f"inputshape=[{sizes}]f32", "fp16=0"]
    done = subprocess.run(command, cwd=source.parent, capture_output=True, text=True, check=False)
    if done.returncode or not source.with_suffix(".ncnn.bin").is_file():
        told = (done.stderr or done.stdout).strip().splitlines() or [f"exit status {done.returncode}"]
        raise ExportError(f"pnnx cannot write this network for ncnn ({told[-1][:120]})")


def _with_our_names(layers: list[NcnnLayer], deployable: Deployable) -> list[NcnnLayer]:
    """Plain names for the input and the output, and an input layer that says what the network takes."""
    layers = renamed(layers, {"in0": INPUT, "out0": OUTPUT})
    at = next(index for index, layer in enumerate(layers) if layer.kind == "Input")
    size = {0: str(deployable.contract.width), 1: str(deployable.contract.height), 2: "3"}
    layers[at] = replace(layers[at], name=PIXELS if deployable.takes_pixels else INPUT, options=size)
    return layers


def _in_half(layer: NcnnLayer) -> NcnnLayer:
    """The layer's own weights in float16; biases, slopes and int8 weights stay what they are."""
    is_float = layer.kind in ("Convolution", "ConvolutionDepthWise", "InnerProduct") and not layer.number(8)
    if not is_float:
        return layer
    weight, *rest = layer.arrays
    return replace(layer, arrays=(weight.astype(np.float16), *rest))
