"""How fast the same images come out of a pack and out of another form of it, such as tar shards or LMDB."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mfn.bench.timing import alternating_times, median_ratio
from mfn.data.augment import Augmentation
from mfn.data.flip import HorizontalFlip
from mfn.data.images import FaceImages
from mfn.data.loader import FaceLoader
from mfn.data.sampler import FaceBatchSampler
from mfn.errors import DataError
from mfn.sources.encode import encoded
from mfn.sources.open_faces import open_faces
from mfn.sources.source import FaceSource

_BATCH = 128


def bench_beside(
    root: Path, others: list[Path], workers: int = 1, images: int = 2560, rounds: int = 7, seed: int = 0
) -> list[dict[str, str | float]]:
    """Measures reading, decoding and the whole loader over the forms in turns, on images of the same numbers.

    Args:
        root: The first form, usually a pack.
        others: Further forms of the same images in the same order.
        workers: Processes of the loaders, at least 1; the rest runs in this process with one thread.
        images: Images per turn.
        rounds: Turns.
        seed: Of the choice and order of the images.

    Returns:
        A row for each form and task: `what`, `form`, `per_second` and `to_first`, the ratio of the rates; medians.

    Raises:
        DataError: A form has another number of images, or cannot be read.
    """
    cv2.setNumThreads(0)
    sources: dict[str, FaceSource] = {str(place): open_faces(place) for place in (root, *others)}
    sizes = {len(source) for source in sources.values()}
    if len(sizes) > 1:
        raise DataError(f"these are not the same images, {sorted(sizes)} of them: give other forms of {root}")
    chosen = np.resize(np.random.default_rng(seed).permutation(sizes.pop()), images)
    rows = list[dict[str, str | float]]()
    for what, make in _TASKS.items():
        steps = {form: make(source, chosen, workers) for form, source in sources.items()}
        times = alternating_times(steps, rounds, 1)
        for form in sources:
            rate = 1000 * images / float(np.median(times[form]))
            rows.append(
                {
                    "what": what,
                    "form": form,
                    "per_second": rate,
                    "to_first": median_ratio(times[str(root)], times[form]),
                }
            )
    return rows


def _reading(source: FaceSource, chosen: np.ndarray, workers: int) -> Any:
    return lambda: [encoded(source, index) for index in chosen.tolist()]


def _decoding(source: FaceSource, chosen: np.ndarray, workers: int) -> Any:
    return lambda: [source.image(index).shape for index in chosen.tolist()]


def _loading(source: FaceSource, chosen: np.ndarray, workers: int) -> Any:
    size = (source.image(0).shape[0], source.image(0).shape[1])
    flip = Augmentation([HorizontalFlip(p=0.5)])
    faces = FaceImages(source, chosen, np.zeros(chosen.size, np.int64), size, augment=flip)
    loader = FaceLoader(faces, FaceBatchSampler(chosen.size, _BATCH), num_workers=workers, keep_workers=True)
    return lambda: sum(len(batch.labels) for batch in loader)


_TASKS = {"bytes read": _reading, "read and decoded": _decoding, "whole loader": _loading}
