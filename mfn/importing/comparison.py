"""Whether an imported network is the same function as the file it came from, run by the file's own runtime."""

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mfn.errors import CheckpointError, MfnError
from mfn.importing.importer import Imported
from mfn.inference.litert_network import LiteRTNetwork
from mfn.inference.ncnn_network import NcnnNetwork
from mfn.inference.network import Network
from mfn.inference.onnx_network import OnnxNetwork

LEAST_COSINE = 0.9999
_RUNTIMES = {
    ".onnx": ("onnxruntime", OnnxNetwork),
    ".tflite": ("ai_edge_litert", LiteRTNetwork),
    ".param": ("ncnn", NcnnNetwork),
}


class Agreement(NamedTuple):
    """How near two networks are on noise.

    Attributes:
        runtime: That ran the file.
        difference: Largest one of all numbers.
        of: Largest number.
        cosine: Smallest one of all embeddings.
    """

    runtime: str
    difference: float
    of: float
    cosine: float


def compare(path: Path, imported: Imported, images: int = 4) -> Agreement | None:
    """Runs both on noise.

    Args:
        path: The file.
        imported: What was made of it.
        images: How many.

    Returns:
        None where the runtime is not installed, or where there is none.

    Raises:
        CheckpointError: They differ.
    """
    runtime, made = _RUNTIMES.get(path.suffix, ("", None))
    if made is None or find_spec(runtime) is None:
        return None
    height, width = imported.input_size
    pixels = np.random.default_rng(0).uniform(0, 255, (images, 3, height, width))
    if imported.mean is not None and imported.std is not None:  # the file normalises by itself
        mean, std = (np.reshape(values, (1, 3, 1, 1)) for values in (imported.mean, imported.std))
        theirs, ours = pixels, (pixels - mean) / std
    else:
        theirs = ours = (pixels - 127.5) / 127.5
    try:
        network: Network = made(path)
        expected = network(_tensor(theirs)).numpy()
    except MfnError:  # a form that our runner of files does not take, such as other names of inputs
        return None
    with torch.no_grad():
        found = imported.network(_tensor(ours)).numpy()
    cosine = (found * expected).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)
    agreement = Agreement(runtime, float(abs(found - expected).max()), float(abs(expected).max()), float(cosine.min()))
    if not agreement.cosine >= LEAST_COSINE:
        raise CheckpointError(
            f"{path}: what was made of it gives other embeddings than {runtime} does (cosine {agreement.cosine:.4f} on "
            "noise); it is another network than the one it was taken for"
        )
    return agreement


def _tensor(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels.astype(np.float32))
