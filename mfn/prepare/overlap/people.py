"""People of one set who look like people of another: the mean face of each against each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mfn.evaluation.embedding import embed_some
from mfn.inference.embedder import FaceEmbedder
from mfn.metrics.scores import unit
from mfn.metrics.templates import sum_rows
from mfn.progress import counting
from mfn.sources.source import ImageSource

_AT_A_TIME = 8192
"""Images whose embeddings are in memory at a time."""
_COSINES = 2**25
"""In memory at a time, however many people there are."""


@dataclass(frozen=True, slots=True)
class Centres:
    """The mean face of each person of a set.

    Attributes:
        directions: float32 (C, D), of unit length.
        people: int64 (C,), the identity of each, rising; people without a readable image are not among them.
        images: int64 (C,), how many images each is the mean of.
    """

    directions: NDArray[np.float32]
    people: NDArray[np.int64]
    images: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class AlikePeople:
    """Pairs of people of two sets, the most alike first.

    Attributes:
        pairs: int64 (P, 2), rows of the training set's and of the benchmark's `Centres`.
        cosines: float32 (P,).
    """

    pairs: NDArray[np.int64]
    cosines: NDArray[np.float32]


def person_centres(
    embedder: FaceEmbedder,
    source: ImageSource,
    people: NDArray[np.int64],
    *,
    flip: str = "none",
    batch_size: int = 32,
    num_workers: int = 0,
) -> Centres:
    """Embeds every image and keeps one sum for each person, so that memory grows with people, not with images.

    Args:
        embedder: The network with its contract.
        source: Faces at the network's size; those that cannot be read are left out and told.
        people: Who is on each image, int64 (N,).
        flip: What is done with the mirrored image's embedding: none | sum | concat.
        batch_size: Images at a time.
        num_workers: Processes that decode.
    """
    names, row = np.unique(people, return_inverse=True)
    sums = np.zeros((names.size, embedder.contract.embedding_dim * (2 if flip == "concat" else 1)), np.float64)
    images = np.zeros(names.size, np.int64)
    options = {"flip": flip, "batch_size": batch_size, "num_workers": num_workers, "strict": False}
    with counting(len(source), "images", f"{source.name}, faces") as count:
        for start in range(0, len(source), _AT_A_TIME):
            chunk = np.arange(start, min(start + _AT_A_TIME, len(source)))
            embedded = embed_some(embedder, source, chunk, count=count, **options)
            of = row[embedded.positions]
            here, place = np.unique(of, return_inverse=True)
            sums[here] += sum_rows(embedded.unit(flip), place, here.size)
            images += np.bincount(of, minlength=names.size)
    seen = images > 0
    return Centres(unit(sums[seen]).astype(np.float32), names[seen], images[seen])


def alike_people(training: NDArray[np.float32], benchmark: NDArray[np.float32], threshold: float) -> AlikePeople:
    """All pairs of people whose centres have a cosine of at least `threshold`, a block of the benchmark at a time.

    Args:
        training: float32 (C, D), of unit length.
        benchmark: float32 (B, D), of unit length.
        threshold: Cosine.
    """
    pairs, cosines = [np.empty((0, 2), np.int64)], [np.empty(0, np.float32)]
    block = max(1, _COSINES // max(1, len(training)))
    for start in range(0, len(benchmark), block):
        alike = training @ benchmark[start : start + block].T
        rows, columns = np.nonzero(alike >= threshold)
        pairs.append(np.stack([rows, columns + start], axis=1))
        cosines.append(alike[rows, columns])
    found = np.concatenate(cosines)
    order = np.argsort(-found, kind="stable")
    return AlikePeople(np.concatenate(pairs)[order], found[order])
