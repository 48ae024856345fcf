"""ncnn files, run by ncnn."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mfn.about import install_command
from mfn.errors import CheckpointError

MAGIC = "7767517"
"""First line of every ``.param`` file."""
PIXELS = "pixels"
"""Name of the input layer of a network that normalises inside; ncnn's files have no other place to say so."""


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
        try:
            import ncnn
        except ImportError as error:
            raise CheckpointError(f"{path} needs the ncnn runtime: {install_command('ncnn')}") from error
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
        name, self.input_size = _input_layer(text, path)
        self.takes_pixels = name == PIXELS
        if self._net.load_param(str(path)) or self._net.load_model(str(weights)):
            raise CheckpointError(f"{path} and {weights.name} cannot be run by ncnn: they are damaged, or no pair")
        inputs, outputs = self._net.input_names(), self._net.output_names()
        if len(inputs) != 1 or len(outputs) != 1:
            raise CheckpointError(
                f"{path} has {len(inputs)} inputs and {len(outputs)} outputs; expected images in, one embedding out"
            )
        self._input, self._output = inputs[0], outputs[0]
        self.fingerprint = hashlib.sha256(text.encode() + content).hexdigest()[:16]
        self.embedding_dim = len(self._run(np.zeros((3, *self.input_size), np.float32))) if self.input_size else None

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


def _input_layer(text: str, path: Path) -> tuple[str, tuple[int, int] | None]:
    """Name of the input layer and the (height, width) it declares."""
    lines = text.splitlines()
    layers = [line.split() for line in lines[2:] if line.strip()]
    first = next((words for words in layers if words[0] == "Input"), None)
    declared = lines[1].split()[0] if len(lines) > 1 and lines[1].split() else ""
    if lines[:1] != [MAGIC] or first is None or len(first) < 5 or declared != str(len(layers)):
        raise CheckpointError(f"{path} is no complete ncnn network (a text that begins with {MAGIC})")
    options = dict(option.split("=", 1) for option in first[5:] if "=" in option)
    if not {"0", "1"} <= set(options):
        return first[1], None
    return first[1], (int(options["1"]), int(options["0"]))
