"""ExecuTorch files, run by executorch's own runtime with the XNNPACK backend."""

import hashlib
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mfn.about import optional
from mfn.errors import CheckpointError, first_line
from mfn.inference.file_contract import CONTRACT_KEY
from mfn.inference.native import told

_pool_changes = 0
"""How often the process's one thread pool was made anew; methods loaded before that point into the old one."""


class ExecutorchNetwork:
    """A ``.pte`` file whose method ``forward`` takes images and gives embeddings.

    Other methods without inputs may give strings, among them the contract.

    Args:
        path: The file.
        threads: Threads of one run; None takes PyTorch's number. XNNPACK has one pool for the whole process, so that
            the network loaded last decides for all.

    Raises:
        CheckpointError: The runtime is not installed, or the file is missing, damaged, or no such network.
    """

    device = torch.device("cpu")

    def __init__(self, path: Path, threads: int | None = None) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # calls itself experimental
            optional("executorch.runtime", f"{path} needs the ExecuTorch runtime", "executorch", CheckpointError)
        _use_threads(threads or torch.get_num_threads())
        self._path = path
        try:
            self._content = path.read_bytes()
            self._load()
            meta = self._method.metadata
            image, embedding = meta.input_tensor_meta(0), meta.output_tensor_meta(0)
            counts = (meta.num_inputs(), meta.num_outputs(), len(image.sizes()))
        except OSError as error:
            raise CheckpointError(f"{path}: {error.strerror}") from error
        except (RuntimeError, IndexError, AttributeError) as error:
            raise CheckpointError(f"{path} cannot be run by ExecuTorch ({first_line(error)})") from error
        if counts != (1, 1, 4):
            raise CheckpointError(
                f"{path} has {counts[0]} inputs and {counts[1]} outputs; expected images in, one embedding out"
            )
        self.fingerprint = hashlib.sha256(self._content).hexdigest()[:16]
        self._batch, _, *size = image.sizes()
        self.input_size = (size[0], size[1])
        self.embedding_dim = embedding.sizes()[-1]
        self.takes_pixels = image.dtype() == _UINT8
        self.contract_json = self._text(CONTRACT_KEY)

    def __call__(self, batch: Tensor) -> Tensor:
        """Raw embeddings, float32 (N, D)."""
        if self._loaded_at != _pool_changes:
            self._load()
        parts = batch.contiguous().split(self._batch)
        with told(self._path, "by ExecuTorch"):
            # Copied, since the method gives out the same memory for each run
            return torch.cat([self._method.execute([part])[0].clone() for part in parts]).float()

    def _load(self) -> None:
        from executorch.runtime import Runtime

        # The program is kept, since its methods point into it
        self._program: Any = Runtime.get().load_program(self._content)
        self._method: Any = self._program.load_method("forward")
        self._loaded_at = _pool_changes

    def _text(self, method: str) -> str | None:
        if method not in self._program.method_names:
            return None
        (text,) = self._program.load_method(method).execute([])
        return str(text)


_UINT8 = 0
"""ExecuTorch's number for uint8, as PyTorch's."""


def _use_threads(count: int) -> None:
    """Makes the pool anew where it has another size; a method of before would crash the process when run."""
    from executorch.extension.pybindings import portable_lib as runtime

    global _pool_changes
    if runtime._threadpool_get_thread_count() != count:
        runtime._unsafe_reset_threadpool(count)
        _pool_changes += 1
