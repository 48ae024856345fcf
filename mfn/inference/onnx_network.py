"""ONNX files, run by ONNX Runtime."""

import hashlib
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from mfn.errors import CheckpointError, ConfigError, first_line
from mfn.inference.file_contract import CONTRACT_KEY
from mfn.inference.fixed_batch import in_fixed_batches

_LONGEST = 2**20
PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
"""What ONNX Runtime can compute with, by the words for it."""


class OnnxNetwork:
    """An ONNX file with one image input and one embedding output.

    Args:
        path: The file.
        threads: Threads of one run; None takes PyTorch's number.
        provider: cpu | cuda | coreml | openvino. What one of the others cannot compute, the CPU does.

    Raises:
        ConfigError: This build of ONNX Runtime lacks the provider.
        CheckpointError: The file is missing, damaged, or no such network.
    """

    device = torch.device("cpu")

    def __init__(self, path: Path, threads: int | None = None, provider: str = "cpu") -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads or torch.get_num_threads()
        providers = _providers(provider)
        try:
            content = path.read_bytes()
            # Its own fallback would tell of the error on the screen and try the same again
            self._session = onnxruntime.InferenceSession(content, options, providers, enable_fallback=0)
            inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
            self.contract_json: str | None = self._session.get_modelmeta().custom_metadata_map.get(CONTRACT_KEY)
        except OSError as error:
            raise CheckpointError(f"{path}: {error.strerror}") from error
        except Exception as error:  # ONNX Runtime's errors have no common base but Exception
            raise CheckpointError(f"{path} cannot be run as ONNX ({first_line(error)})") from error
        if len(inputs) != 1 or len(inputs[0].shape or ()) != 4 or len(outputs) != 1 or not outputs[0].shape:
            raise CheckpointError(
                f"{path} has {len(inputs)} inputs and {len(outputs)} outputs; expected images in, one embedding out"
            )
        self.fingerprint = hashlib.sha256(content).hexdigest()[:16]
        shape = [_length(side, path) for side in inputs[0].shape]
        self._input, self._batch, self._rows_last = inputs[0].name, shape[0], shape[3] == 3
        self.takes_pixels = inputs[0].type == "tensor(uint8)"
        self._half = inputs[0].type == "tensor(float16)"
        height, width = shape[1:3] if self._rows_last else shape[2:4]
        self.input_size = None if height is None or width is None else (height, width)
        self.embedding_dim = _length(outputs[0].shape[-1], path)

    def __call__(self, batch: Tensor) -> Tensor:
        """Raw embeddings, float32 (N, D)."""
        values = (batch.permute(0, 2, 3, 1) if self._rows_last else batch).contiguous().numpy()
        if self._half:
            values = values.astype(np.float16)
        rows = in_fixed_batches(
            lambda part: np.asarray(self._session.run(None, {self._input: part})[0]), values, self._batch
        )
        return torch.from_numpy(rows.reshape(len(values), -1).astype(np.float32, copy=False))


def _providers(provider: str) -> list[str]:
    """The provider and, behind any other, the CPU."""
    if provider not in PROVIDERS:
        raise ConfigError(f"provider must be one of {', '.join(PROVIDERS)}, got {provider!r}")
    if PROVIDERS[provider] not in (there := onnxruntime.get_available_providers()):
        here = ", ".join(word for word, name in PROVIDERS.items() if name in there)
        raise ConfigError(f"ONNX Runtime has no provider {provider} here, only {here}")
    return list(dict.fromkeys([PROVIDERS[provider], PROVIDERS["cpu"]]))


def _length(side: object, path: Path) -> int | None:
    """A dimension that the file fixes; those that it leaves open have names."""
    if not isinstance(side, int):
        return None
    if not 0 < side <= _LONGEST:
        raise CheckpointError(f"{path} has an input or output of length {side}; expected images in, one embedding out")
    return side
