"""Golden inputs, and the outputs that belong to them: the right ones, and those of each mistake."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mfn.contract import InputContract
from mfn.export.kit.mistakes import RIGHT, wrong_inputs
from mfn.export.network import Deployable
from mfn.inference.network import Network
from mfn.metrics.scores import unit
from mfn.synthetic.dataset import SyntheticFaces

TINTS = ((1.0, 1.0, 1.0), (1.0, 0.05, 0.05), (0.1, 0.3, 1.0), (1.0, 0.2, 0.05))
"""Of the drawn faces: embeddings hardly feel an exchange of red and blue, or a loss of contrast, in natural colours."""
NOISE_TINT = (1.0, 0.1, 0.1)


@dataclass(frozen=True)
class Golden:
    """What a board is held against.

    Attributes:
        images: uint8 RGB (N, H, W, 3), drawn faces and noise.
        inputs: The same as the file takes them: its layout, channel order, range and type.
        outputs: float32 (N, D), raw embeddings by the name of what was done, ``right`` first.
    """

    images: np.ndarray
    inputs: np.ndarray
    outputs: dict[str, np.ndarray]

    def known(self) -> np.ndarray:
        """All outputs, float32 (K, N, D), in their order."""
        return np.stack(list(self.outputs.values()))

    def likeness(self) -> np.ndarray:
        """Mean cosine of each output to each, float32 (K, K)."""
        units = unit(self.known())
        return np.einsum("and,bnd->ab", units, units) / units.shape[1]


def golden_images(contract: InputContract) -> np.ndarray:
    """Drawn faces and noise in light of several colours, uint8 RGB (N, H, W, 3), the same for all of a size."""
    size = (contract.height, contract.width)
    drawn = SyntheticFaces(len(TINTS), 1, size, seed=1)
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    images = [*(drawn.image(index) for index in range(len(TINTS))), noise]
    return np.stack(
        [
            np.rint(image * np.array(tint)).astype(np.uint8)
            for image, tint in zip(images, (*TINTS, NOISE_TINT), strict=True)
        ]
    )


def as_integers(values: np.ndarray, end: Mapping[str, Any]) -> np.ndarray:
    """Real numbers as a file of integers takes or gives them.

    Args:
        values: Of any shape.
        end: ``dtype``, ``scale`` and ``zero_point``.
    """
    limits = np.iinfo(end["dtype"])
    found = np.rint(values / np.float64(end["scale"])) + end["zero_point"]
    return np.clip(found, limits.min, limits.max).astype(end["dtype"])


def golden(
    deployable: Deployable, images: np.ndarray, network: Network | None, rows_last: bool, bytes_in: bool = False
) -> Golden:
    """Runs a file on what is right and on what is wrong.

    Args:
        deployable: What is in the file.
        images: uint8 RGB (N, H, W, 3).
        network: The file behind its own runtime; None where it cannot run here, and PyTorch's network answers for it.
        rows_last: Whether the file takes (N, H, W, 3).
        bytes_in: Whether it takes integers of 8 bits and no other numbers.
    """
    pixels = deployable.contract.arrange(torch.as_tensor(images)).contiguous()
    right, takes_pixels = deployable.inputs(images), deployable.takes_pixels
    how = {"takes_pixels": takes_pixels, "rows_last": rows_last, "bytes_in": bytes_in}
    wrong = wrong_inputs(pixels, deployable.contract, **how)
    outputs = {RIGHT: _run(deployable, network, right)}
    for name, values in wrong.items():
        # A file of pixels takes no floats, so that what an NPU would hand its first layer only PyTorch can be given
        if takes_pixels and torch.equal(values, values.byte().float()):
            outputs[name] = _run(deployable, network, values.byte())
        else:
            outputs[name] = _run(deployable, None if takes_pixels else network, values)
    inputs = right.permute(0, 2, 3, 1) if rows_last else right
    return Golden(images, np.ascontiguousarray(inputs.numpy()), outputs)


@torch.inference_mode()
def _run(deployable: Deployable, network: Network | None, values: Tensor) -> np.ndarray:
    found = (deployable.network if network is None else network)(values)
    # Raw pixels may go beyond what half precision holds
    return np.nan_to_num(found.float().cpu().numpy(), nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)
