"""ncnn files, run by ncnn."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mfn.about import optional
from mfn.contract import is_side
from mfn.errors import CheckpointError
from mfn.inference.native import survives
from mfn.inference.ncnn_sizes import misfit, options_of

MAGIC = "7767517"
"""First line of every ``.param`` file."""
PIXELS = "pixels"
"""Name of the input layer of a network that normalises inside; ncnn's files have no other place to say so."""
_TRIAL = """
import ncnn
import numpy
param, weights, height, width = words
for _ in range(2):  # what the first one wrote where it should not, the second one may stumble over
    net = ncnn.Net()
    net.opt.num_threads = 1
    if net.load_param(param) == 0 and net.load_model(weights) == 0:
        image = ncnn.Mat(numpy.zeros((3, int(height), int(width)), numpy.float32)).clone()
        extractor = net.create_extractor()
        extractor.input(net.input_names()[0], image)
        extractor.extract(net.output_names()[0])
        del extractor
    del net
"""


class NcnnNetwork:
    """A ``.param`` file with its ``.bin`` beside it, one image input and one embedding output.

    Args:
        path: The ``.param`` file.
        threads: Threads of one run; None takes PyTorch's number.

    Raises:
        CheckpointError: The runtime is not installed, or a file is missing, damaged, or no such network.
    """

    device = torch.device("cpu")
    contract_json: str | None = None

    def __init__(self, path: Path, threads: int | None = None) -> None:
        ncnn: Any = optional("ncnn", f"{path} needs the ncnn runtime", "ncnn", CheckpointError)
        weights = path.with_suffix(".bin")
        try:
            text, content = path.read_text(encoding="utf-8"), weights.read_bytes()
        except OSError as error:
            raise CheckpointError(f"{error.filename}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise CheckpointError(f"{path} is no ncnn network: it is not text") from error
        self._ncnn: Any = ncnn
        self._net = self._ncnn.Net()
        self._net.opt.num_threads = threads or torch.get_num_threads()
        layers = _layers(text, path)
        name, self.input_size = _input_layer(layers, path)
        self.takes_pixels = name == PIXELS
        size = self.input_size or (112, 112)
        self._path, self._layers, self._fitting = path, layers, set[tuple[int, int]]()
        self._check(size)
        survived = survives(_TRIAL, path, weights, *size, size=len(content))
        if not survived or self._net.load_param(str(path)) or self._net.load_model(str(weights)):
            raise CheckpointError(f"{path} and {weights.name} cannot be run by ncnn: they are damaged, or no pair")
        inputs, outputs = self._net.input_names(), self._net.output_names()
        if len(inputs) != 1 or len(outputs) != 1:
            raise CheckpointError(
                f"{path} has {len(inputs)} inputs and {len(outputs)} outputs; expected images in, one embedding out"
            )
        self._input, self._output = inputs[0], outputs[0]
        self.fingerprint = hashlib.sha256(text.encode() + content).hexdigest()[:16]
        self.embedding_dim: int | None = None  # the format does not say

    def __call__(self, batch: Tensor) -> Tensor:
        """Raw embeddings, float32 (N, D); ncnn takes one image at a time."""
        images = batch.float().contiguous().numpy()
        return torch.from_numpy(np.stack([self._run(image) for image in images]))

    def _check(self, size: tuple[int, int]) -> None:
        if size not in self._fitting and (name := misfit(self._layers, size)):
            raise CheckpointError(
                f"{self._path} cannot be run by ncnn on images of {size[0]}x{size[1]}: layer {name} does not fit"
            )
        self._fitting.add(size)

    def _run(self, image: np.ndarray) -> np.ndarray:
        self._check((image.shape[1], image.shape[2]))
        extractor: Any = self._net.create_extractor()
        # Cloned, since ncnn neither keeps the array alive nor has its rows where numpy has them
        extractor.input(self._input, self._ncnn.Mat(image).clone())
        status, embedding = extractor.extract(self._output)
        if status:
            raise CheckpointError(f"ncnn cannot run the network on an image of {image.shape} (status {status})")
        return np.array(embedding, np.float32).ravel()


def _layers(text: str, path: Path) -> list[list[str]]:
    """The words of each layer's line."""
    lines = text.splitlines()
    layers = [words for line in lines[2:] if (words := line.split())]
    declared = lines[1].split()[:1] if len(lines) > 1 else []
    if lines[:1] != [MAGIC] or declared != [str(len(layers))] or min(map(len, layers), default=0) < 4:
        raise CheckpointError(f"{path} is no complete ncnn network (a text that begins with {MAGIC})")
    return layers


def _input_layer(layers: list[list[str]], path: Path) -> tuple[str, tuple[int, int] | None]:
    """Names of the input layer and the (height, width) it declares."""
    first = next((words for words in layers if words[0] == "Input"), None)
    if first is None:
        raise CheckpointError(f"{path} is no complete ncnn network: it has no input")
    options = options_of(first)
    width, height = options.get(0, 0), options.get(1, 0)
    if width == height == 0:  # how some tools write that any will do
        return first[1], None
    if not (is_side(height) and is_side(width)):
        raise CheckpointError(f"{path} declares images of {height}x{width} pixels, which are no faces")
    return first[1], (height, width)
