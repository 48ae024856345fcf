"""The loader that evaluation uses: every image once, in order."""

import numpy as np

from mfn.data.images import FaceImages
from mfn.data.loader import FaceLoader
from mfn.data.sampler import FaceBatchSampler
from mfn.sources.source import ImageSource


def evaluation_loader(
    source: ImageSource,
    image_size: tuple[int, int],
    batch_size: int = 32,
    num_workers: int = 0,
    multiprocessing_context: str | None = None,
    strict: bool = True,
    positions: np.ndarray | None = None,
    rank: int = 0,
    world_size: int = 1,
) -> FaceLoader:
    """A loader of every image of a source once, in order, or of those at `positions`, with labels of -1.

    Each of several processes gets its share of them, as `FaceBatchSampler` deals them.

    A broken image, or one that cannot be brought to the size exactly, raises BrokenImageError where the source is
    judged strictly; otherwise it is named in its batch.
    """
    chosen = np.arange(len(source)) if positions is None else positions
    count = chosen.size
    images = FaceImages(source, chosen, np.full(count, -1), image_size)
    return FaceLoader(
        images,
        FaceBatchSampler(count, min(batch_size, max(1, count)), rank=rank, world_size=world_size),
        num_workers=num_workers,
        multiprocessing_context=multiprocessing_context,
        skip_broken=not strict,
    )
