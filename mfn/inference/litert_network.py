"""LiteRT (TFLite) files, run by ai-edge-litert."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mfn.about import optional
from mfn.errors import CheckpointError
from mfn.inference.file_contract import CONTRACT_KEY
from mfn.inference.fixed_batch import in_fixed_batches
from mfn.inference.native import survives, told

_PIXELS = (("uint8", 0.0, 0), ("uint8", 1.0, 0), ("int8", 1.0, -128), ("int16", 1.0, 0))
"""Types, scales and zero points of inputs that stand for 0..255."""
_TRIAL = """
import numpy
from ai_edge_litert.interpreter import Interpreter
interpreter = Interpreter(model_path=words[0], num_threads=1)
interpreter.allocate_tensors()
for image in interpreter.get_input_details():
    interpreter.set_tensor(image["index"], numpy.zeros(image["shape"], image["dtype"]))
interpreter.invoke()
for embedding in interpreter.get_output_details():
    interpreter.get_tensor(embedding["index"])
"""


class LiteRTNetwork:
    """A ``.tflite`` file with one image input and one embedding output.

    Integer inputs and outputs are quantised and brought back by the scale and zero point in the file; an input of
    scale 1 takes pixels: 0..255 as uint8 or int16, less 128 as int8.

    Args:
        path: The file.
        threads: Threads of one run; None takes PyTorch's number.

    Raises:
        CheckpointError: The runtime is not installed, or the file is missing, damaged, or no such network.
    """

    device = torch.device("cpu")

    def __init__(self, path: Path, threads: int | None = None) -> None:
        runtime: Any = optional(
            "ai_edge_litert.interpreter", f"{path} needs the LiteRT runtime", "litert", CheckpointError
        )
        self._path = path
        with told(path, "as TFLite"):
            content = path.read_bytes()
            if not survives(_TRIAL, path, size=len(content)):
                raise CheckpointError(f"{path} cannot be run as TFLite: it is damaged")
            self._interpreter = runtime.Interpreter(
                model_content=content, num_threads=threads or torch.get_num_threads()
            )
            self._interpreter.allocate_tensors()
            self.fingerprint = hashlib.sha256(content).hexdigest()[:16]
            self.contract_json = _metadata(content, CONTRACT_KEY)
            inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
            if len(inputs) != 1 or len(inputs[0]["shape"]) != 4 or len(outputs) != 1 or not len(outputs[0]["shape"]):
                raise CheckpointError(
                    f"{path} has {len(inputs)} inputs and {len(outputs)} outputs; expected images in, one embedding out"
                )
            self._describe(inputs[0], outputs[0])

    def _describe(self, image: dict[str, Any], embedding: dict[str, Any]) -> None:
        self._input, self._output = image, embedding
        self._shape = tuple(int(length) for length in image["shape"])
        batch, *sides = (int(length) if length > 0 else None for length in image["shape_signature"])
        self._batch, self._rows_last = batch or 1, sides[2] == 3
        height, width = sides[:2] if self._rows_last else sides[1:]
        self.input_size = None if height is None or width is None else (height, width)
        dim = int((embedding["shape_signature"] if self.input_size is None else embedding["shape"])[-1])
        self.embedding_dim = dim if dim > 0 else None
        kind, quantised = np.dtype(image["dtype"]).name, tuple(image["quantization"])
        self.takes_pixels = (kind, *quantised) in _PIXELS

    def __call__(self, batch: Tensor) -> Tensor:
        """Raw embeddings, float32 (N, D)."""
        values = (batch.permute(0, 2, 3, 1) if self._rows_last else batch).contiguous().numpy()
        with told(self._path, "as TFLite"):
            rows = in_fixed_batches(self._run, values, self._batch)
            return torch.from_numpy(rows.reshape(len(values), -1))

    def _run(self, images: np.ndarray) -> np.ndarray:
        if images.shape != self._shape:  # a file that leaves its size open
            self._interpreter.resize_tensor_input(self._input["index"], images.shape)
            self._interpreter.allocate_tensors()
            self._shape = images.shape
        self._interpreter.set_tensor(self._input["index"], _quantised(images, self._input))
        self._interpreter.invoke()
        return _real(self._interpreter.get_tensor(self._output["index"]), self._output)


def _metadata(content: bytes, name: str) -> str | None:
    """The text that the file's metadata holds under a name."""
    from ai_edge_litert.schema_py_generated import Model

    model = Model.GetRootAs(content, 0)
    for index in range(model.MetadataLength()):
        entry = model.Metadata(index)
        if entry is not None and entry.Name() == name.encode():
            buffer = model.Buffers(entry.Buffer())
            return None if buffer is None else bytes(buffer.DataAsNumpy()).decode("utf-8", "replace")
    return None


def _quantised(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    kind, (scale, zero) = np.dtype(tensor["dtype"]), tensor["quantization"]
    if kind.kind == "f" or values.dtype == kind:
        return values.astype(kind, copy=False)
    limits = np.iinfo(kind)
    return np.clip(np.rint(values / scale) + zero, limits.min, limits.max).astype(kind)


def _real(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    scale, zero = tensor["quantization"]
    if np.dtype(tensor["dtype"]).kind == "f":
        return values.astype(np.float32, copy=False)
    return (values.astype(np.float32) - zero) * np.float32(scale)
