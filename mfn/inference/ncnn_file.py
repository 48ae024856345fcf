"""ncnn's two files, ``.param`` (text: layers and blobs) and ``.bin`` (their arrays), to layers and back."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mfn.errors import ExportError
from mfn.files.atomic import replacing
from mfn.inference.ncnn_network import MAGIC

HALF, INT8 = 0x01306B47, 0x000D4B38
"""Tags before a layer's main array; float32 has 0. Other arrays are float32 without a tag."""


@dataclass(frozen=True)
class NcnnLayer:
    """One line of the ``.param`` file and its part of the ``.bin`` file.

    Attributes:
        kind: As ``"Convolution"``.
        name: Of the layer.
        inputs: Names of the blobs it takes.
        outputs: Names of the blobs it gives.
        options: By ncnn's numbers, as they are written: ``{0: "64", 5: "1"}``.
        arrays: Flat; the first of a convolution or an inner product is float32, float16 or int8, all others float32.
    """

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    options: dict[int, str]
    arrays: tuple[np.ndarray, ...] = ()

    def number(self, key: int, default: int = 0) -> int:
        """An option as an integer."""
        return int(self.options.get(key, default))


def read_ncnn(param: Path, weights: Path) -> list[NcnnLayer]:
    """Reads a network that holds float32 or float16 weights.

    Raises:
        ExportError: A layer's arrays are of a kind that is not known here.
    """
    content, at, layers = memoryview(weights.read_bytes()), 0, []
    try:
        for layer in read_param(param):
            arrays = []
            for tagged, count in _arrays_of(layer):
                array, at = _take(content, at, tagged, count)
                arrays.append(array)
            layers.append(replace(layer, arrays=tuple(arrays)))
    except (ValueError, OverflowError):  # beyond the end
        at = -1
    if at != len(content):
        raise ExportError(f"{weights} holds arrays of layers that mfn does not know")
    return layers


def read_param(param: Path) -> Iterator[NcnnLayer]:
    """The layers of a ``.param`` file, without their arrays."""
    for line in param.read_text(encoding="utf-8").splitlines()[2:]:
        kind, name, taken, given, *rest = line.split()
        inputs, outputs = int(taken), int(given)
        options = dict(item.split("=", 1) for item in rest[inputs + outputs :])
        yield NcnnLayer(
            kind,
            name,
            tuple(rest[:inputs]),
            tuple(rest[inputs : inputs + outputs]),
            {int(key): value for key, value in options.items()},
        )


def write_ncnn(layers: Sequence[NcnnLayer], param: Path, weights: Path) -> None:
    """Writes both files."""
    blobs = sum(len(layer.outputs) for layer in layers)
    with replacing(param) as temporary:
        lines = [MAGIC, f"{len(layers)} {blobs}", *map(_line, layers)]
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with replacing(weights) as temporary:
        temporary.write_bytes(b"".join(_bytes(layer) for layer in layers))


def renamed(layers: Sequence[NcnnLayer], names: dict[str, str]) -> list[NcnnLayer]:
    """The same layers with other names of blobs."""

    def of(blobs: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(names.get(blob, blob) for blob in blobs)

    return [replace(layer, inputs=of(layer.inputs), outputs=of(layer.outputs)) for layer in layers]


def _arrays_of(layer: NcnnLayer) -> list[tuple[bool, int]]:
    """Whether each array has a tag before it, and how many numbers it holds."""
    if layer.kind in ("Convolution", "ConvolutionDepthWise"):
        return [(True, layer.number(6))] + [(False, layer.number(0))] * layer.number(5)
    if layer.kind == "InnerProduct":
        return [(True, layer.number(2))] + [(False, layer.number(0))] * layer.number(1)
    if layer.kind == "PReLU":
        return [(False, layer.number(0))]
    if layer.kind == "Normalize":
        return [(False, layer.number(3))]
    if layer.kind == "MemoryData":
        return [(False, math.prod(layer.number(key) or 1 for key in (0, 1, 2, 11)))]
    return []


def _take(content: memoryview, at: int, tagged: bool, count: int) -> tuple[np.ndarray, int]:
    kind, start = np.dtype(np.float32), at
    if tagged:
        start, half = at + 4, int.from_bytes(content[at : at + 4], "little") == HALF
        kind = np.dtype(np.float16 if half else np.float32)
    array = np.frombuffer(content, kind, count, start)
    return array, start + -(-array.nbytes // 4) * 4


def _line(layer: NcnnLayer) -> str:
    options = [f"{key}={value}" for key, value in layer.options.items()]
    blobs = [*layer.inputs, *layer.outputs]
    counts = f"{len(layer.inputs)} {len(layer.outputs)}"
    return " ".join([f"{layer.kind:<24} {layer.name:<24} {counts}", *blobs, *options])


def _bytes(layer: NcnnLayer) -> bytes:
    parts = []
    for (tagged, _), array in zip(_arrays_of(layer) + [(False, 0)] * 2, layer.arrays, strict=False):
        data = array.tobytes()
        tag = {np.float16: HALF, np.int8: INT8}.get(array.dtype.type, 0)
        parts += [tag.to_bytes(4, "little")] * tagged + [data, bytes(-len(data) % 4)]
    return b"".join(parts)
