"""ncnn files, run by ncnn."""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mfn.about import optional
from mfn.contract import is_side
from mfn.errors import CheckpointError

MAGIC = "7767517"
"""First line of every ``.param`` file."""
PIXELS = "pixels"
"""Name of the input layer of a network that normalises inside; ncnn's files have no other place to say so."""
_TRIAL = """
import sys
param, weights, height, width, memory = sys.argv[1:]
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
except ImportError:
    pass
import ncnn
import numpy
net = ncnn.Net()
net.opt.num_threads = 1
if net.load_param(param) == 0 and net.load_model(weights) == 0:
    extractor = net.create_extractor()
    extractor.input(net.input_names()[0], ncnn.Mat(numpy.zeros((3, int(height), int(width)), numpy.float32)).clone())
    extractor.extract(net.output_names()[0])
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
        survives = _survives(path, weights, self.input_size)
        if not survives or self._net.load_param(str(path)) or self._net.load_model(str(weights)):
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

    def _run(self, image: np.ndarray) -> np.ndarray:
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


def _survives(path: Path, weights: Path, size: tuple[int, int] | None) -> bool:
    """Whether another process can load and run the network, with so much memory as a network for faces may take.

    ncnn trusts its files: damaged ones crash the process, or take all memory.

    Args:
        path: The ``.param`` file.
        weights: The ``.bin`` file.
        size: Height and width of a black image to run it on; None takes the usual ones.
    """
    memory = 2 * 2**30 + 16 * weights.stat().st_size
    words = map(str, (path, weights, *(size or (112, 112)), memory))
    try:
        return not subprocess.run([sys.executable, "-c", _TRIAL, *words], capture_output=True, timeout=60).returncode
    except subprocess.TimeoutExpired:
        return False


def _input_layer(layers: list[list[str]], path: Path) -> tuple[str, tuple[int, int] | None]:
    """Names of the input layer and the (height, width) it declares."""
    first = next((words for words in layers if words[0] == "Input"), None)
    if first is None:
        raise CheckpointError(f"{path} is no complete ncnn network: it has no input")
    options = dict(option.split("=", 1) for option in first[4:] if "=" in option)
    width, height = (_number(options.get(key, "0")) for key in ("0", "1"))
    if width == height == 0:  # how some tools write that any will do
        return first[1], None
    if not (is_side(height) and is_side(width)):
        raise CheckpointError(f"{path} declares images of {height}x{width} pixels, which are no faces")
    return first[1], (height, width)


def _number(text: str) -> int:
    """A whole number as ncnn writes sizes, 0 for what is none; of a long one its first digits, which are too many."""
    digits = text.removeprefix("-")
    return int(text[:12]) if digits.isdecimal() else 0
