"""Verification sets: images and pairs of them to judge an embedding by."""

from dataclasses import dataclass

import numpy as np

from mfn.data.images import FaceImages
from mfn.data.loader import FaceLoader
from mfn.data.sampler import FaceBatchSampler
from mfn.data.source import ImageSource


@dataclass(frozen=True, eq=False)
class VerificationSet:
    """A verification benchmark.

    Attributes:
        name: for tables and metric names.
        source: the images.
        pairs: int64 (P, 2), positions in `source`.
        is_same: bool (P,), true for genuine pairs (one person), false for impostor pairs (two).
        folds: number of folds the benchmark is judged in; consecutive runs of P / folds pairs.
        strict: a broken image is an error, as it must be for a published benchmark; otherwise its pairs are
            left out.
    """

    name: str
    source: ImageSource
    pairs: np.ndarray
    is_same: np.ndarray
    folds: int = 10
    strict: bool = True


def verification_loader(
    pairs: VerificationSet,
    image_size: tuple[int, int],
    batch_size: int = 32,
    num_workers: int = 0,
    multiprocessing_context: str | None = None,
) -> FaceLoader:
    """Return a loader of every image of a set once, in the order of its source, with labels of -1.

    A broken image of a strict set raises BrokenImageError; of others it is named in its batch.
    """
    count = len(pairs.source)
    images = FaceImages(pairs.source, np.arange(count), np.full(count, -1), image_size)
    return FaceLoader(
        images,
        FaceBatchSampler(count, batch_size),
        num_workers=num_workers,
        multiprocessing_context=multiprocessing_context,
        skip_broken=not pairs.strict,
    )
