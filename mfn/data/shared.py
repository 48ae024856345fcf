"""Pixels that processes share, without `/dev/shm`, of which a container has 64 MB by default."""

import math
import mmap
import os
import weakref
from multiprocessing.reduction import DupFd
from typing import Any

import numpy as np
import torch


class SharedPixels:
    """A uint8 array whose memory is shared with every process that it is forked or pickled to.

    Where there are anonymous files (Linux) it lies in one of them, elsewhere in PyTorch's shared memory.

    Attributes:
        array: The pixels.
    """

    array: np.ndarray

    def __init__(self, shape: tuple[int, ...]) -> None:
        if hasattr(os, "memfd_create"):
            self._map(os.memfd_create("mfn-pixels"), shape)
        else:
            self._tensor = torch.empty(shape, dtype=torch.uint8).share_memory_()
            self.array = self._tensor.numpy()

    def __getstate__(self) -> dict[str, Any]:
        if hasattr(self, "_file"):
            return {"file": DupFd(self._file), "shape": self.array.shape}
        return {"tensor": self._tensor}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "file" in state:
            self._map(state["file"].detach(), state["shape"])
        else:
            self._tensor = state["tensor"]
            self.array = self._tensor.numpy()

    def _map(self, file: int, shape: tuple[int, ...]) -> None:
        self._file = file
        weakref.finalize(self, os.close, file)
        os.ftruncate(file, math.prod(shape))
        self.array = np.frombuffer(mmap.mmap(file, math.prod(shape)), np.uint8).reshape(shape)
