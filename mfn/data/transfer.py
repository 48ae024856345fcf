"""From the main memory to a device, without the host waiting for the copy."""

import numpy as np
import torch
from torch import Tensor


def pinned(rows: np.ndarray) -> Tensor:
    """A copy of an array, in pinned memory where there is a GPU: only from there a copy to it runs by itself."""
    tensor = torch.empty(rows.shape, dtype=torch.from_numpy(rows[:0]).dtype, pin_memory=torch.cuda.is_available())
    tensor.numpy()[:] = rows
    return tensor


def sent(tensor: Tensor, device: torch.device | str) -> Tensor:
    """The tensor on a device; on a GPU what is computed next waits for the copy, and the host does not."""
    return tensor.to(device, non_blocking=torch.device(device).type == "cuda")
