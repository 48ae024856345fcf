"""Where the host waits for its device: each such place lets the device run dry.

On a CUDA device PyTorch tells. On a CPU nobody waits, but what would wait can be seen: all that is computed from the
network's weights, or was moved to its device, counts as being on a device, and is followed through every operation.
"""

import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_READS = {"_local_scalar_dense", "equal", "is_nonzero"}
"""Operations that give the host a number."""
_SIZES = {"nonzero", "masked_select", "_unique2", "unique_dim", "unique_consecutive", "bincount"}
"""Operations whose result has a size that only the device knows."""
_MASKS = {"index", "index_put", "index_put_", "_index_put_impl_"}
"""Operations that become one of these where an index is a mask."""
_TO_HOST = {"cpu", "tolist", "numpy", "__array__"}
"""Methods of a tensor that copy it to the main memory."""


@contextmanager
def host_waits(module: nn.Module) -> Iterator[list[str]]:
    """Collects, while the block runs, the line of code of each wait.

    Args:
        module: What is trained, on its device.
    """
    places: list[str] = []
    parameter = next(module.parameters())
    if parameter.device.type == "cuda":
        yield from _told_by_cuda(places)
    else:
        on_device = _OnDevice()
        for tensor in (*module.parameters(), *module.buffers()):
            on_device.add(tensor)
        with _Functions(on_device, places) as functions, _Operations(on_device, places, functions):
            yield places


class WaitsOfSteps(Callback):
    """Counts the waits of each batch, from its start to the start of the next one.

    Args:
        places: As `host_waits` collects them.
    """

    def __init__(self, places: list[str]) -> None:
        self._places = places
        self._marks: list[int] = []

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Notes how many there were before."""
        self._marks.append(len(self._places))

    @property
    def of_steps(self) -> list[list[str]]:
        """The places of each batch but the last."""
        return [self._places[start:end] for start, end in zip(self._marks[:-1], self._marks[1:], strict=True)]


def _told_by_cuda(places: list[str]) -> Iterator[list[str]]:
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        shown = warnings.showwarning

        def tell(message: Any, category: Any, filename: str, lineno: int, *rest: Any, **named: Any) -> None:
            if "synchronizing" in str(message):
                places.append(_place())
            else:
                shown(message, category, filename, lineno, *rest, **named)

        warnings.showwarning = tell
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield places
        finally:
            torch.cuda.set_sync_debug_mode(before)


class _OnDevice:
    """Memory that counts as being on a device."""

    def __init__(self) -> None:
        self._storages: dict[int, StorageWeakRef] = {}

    def add(self, tensor: Tensor) -> None:
        storage = StorageWeakRef(tensor.untyped_storage())
        self._storages[storage.cdata] = storage

    def __contains__(self, value: Any) -> bool:
        if not isinstance(value, Tensor) or value.is_sparse:
            return False
        found = self._storages.get(value.untyped_storage()._cdata)
        return found is not None and not found.expired()


class _Functions(TorchFunctionMode):
    """What a CPU does without any operation: moving to where a tensor is already, and reading its memory."""

    def __init__(self, on_device: _OnDevice, places: list[str]) -> None:
        super().__init__()
        self._on_device = on_device
        self._places = places
        self.reading = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        name = getattr(func, "__name__", "")
        wanted = named.get("device", args[1] if name == "to" and len(args) > 1 else None)
        if args and args[0] in self._on_device and (name in _TO_HOST or (name == "to" and wanted == "cpu")):
            self._places.append(_place())
            with self._read():
                result = func(*args, **named)
                return result.clone() if isinstance(result, Tensor) else result
        result = func(*args, **named)
        # What the host keeps for itself says "cpu"; whoever means the network's device has it as an object
        if not isinstance(wanted, torch.device):
            return result
        if name == "to" and args[0] not in self._on_device:
            result = result.clone()
            self._on_device.add(result)
        elif func in (torch.tensor, torch.as_tensor):
            self._places.append(_place())
            self._on_device.add(result)
        return result

    @contextmanager
    def _read(self) -> Iterator[None]:
        self.reading = True
        try:
            yield
        finally:
            self.reading = False


class _Operations(TorchDispatchMode):
    """Follows what is computed from what is on the device."""

    def __init__(self, on_device: _OnDevice, places: list[str], functions: _Functions) -> None:
        super().__init__()
        self._on_device = on_device
        self._places = places
        self._functions = functions

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        result = func(*args, **named)
        if self._functions.reading:
            return result
        given = tree_leaves((args, named))
        if any(value in self._on_device for value in given):
            name = func.overloadpacket.__name__
            masked = name in _MASKS and any(isinstance(i, Tensor) and i.dtype == torch.bool for i in args[1])
            if name in _READS or name in _SIZES or masked:
                self._places.append(_place())
            for made in tree_leaves(result):
                if isinstance(made, Tensor) and not made.is_sparse:
                    self._on_device.add(made)
        return result


def _place() -> str:
    """The innermost line that is not PyTorch's own."""
    frames = [frame for frame in traceback.extract_stack() if not _is_inner(frame.filename)]
    frame = frames[-1]
    return f"{frame.filename.rpartition('site-packages/')[2]}:{frame.lineno}: {frame.line}"


def _is_inner(file: str) -> bool:
    return file == __file__ or "/torch/" in file or file.endswith(("/warnings.py", "/contextlib.py"))
