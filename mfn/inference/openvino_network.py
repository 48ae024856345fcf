"""OpenVINO files, run by OpenVINO on the CPU."""

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
from mfn.inference.native import told


class OpenvinoNetwork:
    """A ``.xml`` file, its ``.bin`` beside it, with one image input and one embedding output.

    Arithmetic that the file leaves float is float32: left to itself OpenVINO takes bfloat16 on processors that have
    it, which is faster and moves embeddings by a cosine of about 0.001.

    Args:
        path: The file.
        threads: Threads of one run; None takes PyTorch's number.

    Raises:
        CheckpointError: The runtime is not installed, or a file is missing, damaged, or no such network.
    """

    device = torch.device("cpu")

    def __init__(self, path: Path, threads: int | None = None) -> None:
        openvino: Any = optional("openvino", f"{path} needs the OpenVINO runtime", "openvino", CheckpointError)
        self._path, weights = path, path.with_suffix(".bin")
        options = {
            "INFERENCE_NUM_THREADS": threads or torch.get_num_threads(),
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY",
        }
        try:
            graph = path.read_bytes()
            self.fingerprint = hashlib.sha256(graph + weights.read_bytes()).hexdigest()[:16]
            if b"<net" not in graph[:256]:
                raise CheckpointError(f"{path} cannot be run by OpenVINO: it is no graph of OpenVINO's")
            core = openvino.Core()
            model = core.read_model(path)
            self._run = core.compile_model(model, "CPU", options)
            key = CONTRACT_KEY.split(".", 1)
            self.contract_json: str | None = model.get_rt_info(key).astype(str) if model.has_rt_info(key) else None
        except OSError as error:
            raise CheckpointError(f"{error.filename}: {error.strerror}; a network is .xml and .bin") from error
        except CheckpointError:
            raise
        except Exception as error:  # of a damaged graph, whatever its reader stumbles over
            raise CheckpointError(f"{path} cannot be run by OpenVINO: it or {weights.name} is damaged") from error
        if len(model.inputs) != 1 or len(model.input(0).partial_shape) != 4 or len(model.outputs) != 1:
            raise CheckpointError(
                f"{path} has {len(model.inputs)} inputs and {len(model.outputs)} outputs; "
                "expected images in, one embedding out"
            )
        shape = [_length(side) for side in model.input(0).partial_shape]
        self._batch, height, width = shape[0], shape[2], shape[3]
        self.input_size = None if height is None or width is None else (height, width)
        self.embedding_dim = _length(model.output(0).partial_shape[-1])
        self.takes_pixels = model.input(0).element_type == openvino.Type.u8

    def __call__(self, batch: Tensor) -> Tensor:
        """Raw embeddings, float32 (N, D)."""
        images = batch.contiguous().numpy()
        with told(self._path, "by OpenVINO"):
            rows = in_fixed_batches(lambda part: np.asarray(self._run([part])[0]), images, self._batch)
            return torch.from_numpy(rows.astype(np.float32, copy=False))


def _length(side: Any) -> int | None:
    return side.get_length() if side.is_static else None
