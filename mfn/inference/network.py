"""What every runtime offers: a network as a function of a batch."""

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from mfn.checkpoint.format import weights_hash


class Network(Protocol):
    """A network behind its runtime.

    Attributes:
        takes_pixels: The file normalises inside: it wants uint8 pixels in its colour order, not normalised floats.
    """

    takes_pixels: bool

    @property
    def device(self) -> torch.device:
        """Where it wants its batches."""
        ...

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits; another network has others."""
        ...

    def __call__(self, batch: Tensor) -> Tensor:
        """Raw embeddings, float32 (N, D), of a batch (N, 3, H, W) of any length."""
        ...


class TorchNetwork:
    """A PyTorch module in evaluation mode.

    Args:
        module: Takes normalised floats.
        model: ``_target_`` and arguments that make it, where they are known.
    """

    takes_pixels = False

    def __init__(self, module: nn.Module, model: Mapping[str, Any] | None = None) -> None:
        self.model = model
        self.module = module.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.module.parameters()).device

    @property
    def fingerprint(self) -> str:
        """Hash of the weights."""
        return weights_hash(self.module.state_dict())

    def __call__(self, batch: Tensor) -> Tensor:
        """Raw embeddings on the module's device."""
        return self.module(batch).float()
