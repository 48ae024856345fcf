"""How close the embeddings of a file are to those of the network it came from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mfn.errors import ExportError
from mfn.inference.embedder import FaceEmbedder
from mfn.metrics import scores

BATCHES = (1, 2, 7, 64)
"""Numbers of images a file is run on; one that takes a fixed number is run as often as that needs."""


@dataclass(frozen=True, slots=True)
class Parity:
    """Embeddings of a file beside the checkpoint's.

    Attributes:
        max_abs: Largest difference of two numbers, in units of the raw embedding.
        mean_cosine: Over the images.
        min_cosine: Of the worst image at the worst batch size.
        by_batch: Minimum cosine at each number of images.
    """

    max_abs: float
    mean_cosine: float
    min_cosine: float
    by_batch: dict[int, float]


def parity(embedder: FaceEmbedder, images: np.ndarray, reference: np.ndarray, unit: bool = False) -> Parity:
    """Runs a file on the first images of a stack, at several batch sizes.

    Args:
        embedder: The file.
        images: uint8 RGB (N, H, W, 3).
        reference: float32 (N, D), raw embeddings of the checkpoint.
        unit: The file gives unit length.
    """
    expected = scores.unit(reference.astype(np.float64)) if unit else reference
    runs = {count: embedder.raw(images[:count]).cpu().numpy() for count in batches(len(images))}
    cosines = {count: _cosines(given, reference[:count]) for count, given in runs.items()}
    whole = runs[max(runs)]
    return Parity(
        max_abs=float(max(np.abs(given - expected[:count]).max() for count, given in runs.items())),
        mean_cosine=float(cosines[len(whole)].mean()),
        min_cosine=float(min(found.min() for found in cosines.values())),
        by_batch={count: float(found.min()) for count, found in cosines.items()},
    )


def batches(count: int) -> Sequence[int]:
    """The batch sizes that so many images allow, the last one all of them."""
    return sorted({*(batch for batch in BATCHES if batch <= count), count})


def check_embeddings(embeddings: np.ndarray) -> None:
    """Makes sure that a checkpoint is worth exporting.

    Args:
        embeddings: float32 (N, D), of different faces.

    Raises:
        ExportError: Some are not finite, or all are the same.
    """
    if broken := int((~np.isfinite(embeddings)).any(1).sum()):
        raise ExportError(f"the checkpoint gives NaN or infinity for {broken} of {len(embeddings)} faces: it is spoilt")
    if len(embeddings) > 1 and np.ptp(embeddings, axis=0).max() <= 1e-6 * np.abs(embeddings).max():
        raise ExportError("the checkpoint gives every face the same embedding: it is not trained, or spoilt")


def spread(reference: np.ndarray) -> float:
    """Smallest cosine between the first face's embedding and another's: near 1, parity proves nothing."""
    return float(_cosines(reference, reference[:1]).min())


def _cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(one).all(1), scores.cosine(one, np.broadcast_to(other, one.shape)), -1.0)
