"""FaceEmbedder: aligned faces to unit embeddings, whatever file the network comes from."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mfn.checkpoint import build_backbone, read_checkpoint
from mfn.contract import InputContract
from mfn.errors import CheckpointError


class FaceEmbedder:
    """A network with its input contract.

    Args:
        network: Takes normalised float (N, 3, H, W), gives float (N, D).
        contract: What the network expects.
    """

    def __init__(self, network: nn.Module, contract: InputContract) -> None:
        self.network = network.eval().to(memory_format=torch.channels_last)
        self.contract = contract

    @classmethod
    def load(cls, path: Path | str) -> "FaceEmbedder":
        """Reads a checkpoint of ours.

        Args:
            path: A ``.ckpt`` file.

        Raises:
            CheckpointError: The file is missing, damaged or of another kind.
        """
        path = Path(path)
        if path.suffix != ".ckpt":
            raise CheckpointError(f"{path}: expected a .ckpt file; bring weights of others in with `mfn import`")
        return cls(*build_backbone(read_checkpoint(path), path))

    def to(self, device: torch.device | str) -> "FaceEmbedder":
        """Moves the network to a device."""
        self.network.to(device)
        return self

    @torch.inference_mode()
    def raw(self, images: np.ndarray | Tensor) -> Tensor:
        """Embeddings as the network gives them: uint8 RGB (N, H, W, 3) to float32 (N, D) on the network's device."""
        device = next(self.network.parameters()).device
        return self.network(self.contract.normalize(torch.as_tensor(images).to(device))).float()

    def __call__(self, images: np.ndarray | Tensor, flip: bool = False) -> np.ndarray:
        """Embeds aligned faces.

        Args:
            images: uint8 RGB (N, H, W, 3).
            flip: Add the embedding of the mirrored image before scaling to unit length.

        Returns:
            float32 (N, D), each row of unit length.
        """
        pixels = torch.as_tensor(images)
        embeddings = self.raw(pixels)
        if flip:
            embeddings = embeddings + self.raw(pixels.flip(2))
        return functional.normalize(embeddings).cpu().numpy()
