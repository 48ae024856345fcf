"""ONNX files, run by ONNX Runtime."""

import hashlib
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from mfn.errors import CheckpointError, first_line
from mfn.inference.fixed_batch import in_fixed_batches
from mfn.inference.foreign import CONTRACT_KEY


class OnnxNetwork:
    """An ONNX file with one image input and one embedding output.

    Args:
        path: The file.
        threads: Threads of one run; None takes PyTorch's number.

    Raises:
        CheckpointError: The file is missing, damaged, or no such network.
    """

    device = torch.device("cpu")

    def __init__(self, path: Path, threads: int | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads or torch.get_num_threads()
        try:
            content = path.read_bytes()
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except OSError as error:
            raise CheckpointError(f"{path}: {error.strerror}") from error
        except Exception as error:  # ONNX Runtime's errors have no common base but Exception
            raise CheckpointError(f"{path} cannot be run as ONNX ({first_line(error)})") from error
        self.fingerprint = hashlib.sha256(content).hexdigest()[:16]
        self.contract_json: str | None = self._session.get_modelmeta().custom_metadata_map.get(CONTRACT_KEY)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or len(outputs) != 1:
            raise CheckpointError(
                f"{path} has {len(inputs)} inputs and {len(outputs)} outputs; expected images in, one embedding out"
            )
        shape = inputs[0].shape
        self._input, self._batch = inputs[0].name, shape[0] if isinstance(shape[0], int) else None
        self._rows_last = shape[3] == 3
        self.takes_pixels = inputs[0].type == "tensor(uint8)"
        self._half = inputs[0].type == "tensor(float16)"
        height, width = shape[1:3] if self._rows_last else shape[2:4]
        self.input_size = (height, width) if isinstance(height, int) and isinstance(width, int) else None
        dim = outputs[0].shape[-1]
        self.embedding_dim = dim if isinstance(dim, int) else None

    def __call__(self, batch: Tensor) -> Tensor:
        """Raw embeddings, float32 (N, D)."""
        values = (batch.permute(0, 2, 3, 1) if self._rows_last else batch).contiguous().numpy()
        if self._half:
            values = values.astype(np.float16)
        rows = in_fixed_batches(
            lambda part: np.asarray(self._session.run(None, {self._input: part})[0]), values, self._batch
        )
        return torch.from_numpy(rows.reshape(len(values), -1).astype(np.float32, copy=False))
