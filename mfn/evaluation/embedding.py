"""Every image of a set once through a network."""

import io
import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from mfn.data.evaluation_loader import evaluation_loader
from mfn.errors import DataError
from mfn.evaluation.shared_work import Listening, rows_of_all
from mfn.inference.embedder import FaceEmbedder
from mfn.metrics.insightface import mean_norm
from mfn.metrics.scores import combine
from mfn.progress import Count, counting
from mfn.ranks import Ranks
from mfn.sources.source import ImageSource

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ImageEmbeddings:
    """Raw embeddings of a set's images.

    Attributes:
        positions: int64 (N,), which image of the source each row is of; broken ones are not among them.
        plain: float32 (N, D).
        mirrored: Of the mirrored images, float32 (N, D), or None.
    """

    positions: NDArray[np.int64]
    plain: NDArray[np.float32]
    mirrored: NDArray[np.float32] | None

    def unit(self, flip: str) -> NDArray[np.float32]:
        """Embeddings of unit length, the two views put together as `flip` says (none | sum | concat)."""
        return combine(self.plain, self.mirrored, flip)

    @property
    def norm(self) -> float:
        """Mean length of the raw embeddings, over both views (XNorm in InsightFace's tables)."""
        views = [self.plain] if self.mirrored is None else [self.plain, self.mirrored]
        return float(np.mean([mean_norm(view) for view in views]))


def embed_images(
    embedder: FaceEmbedder,
    source: ImageSource,
    *,
    flip: str = "none",
    batch_size: int = 32,
    num_workers: int = 0,
    strict: bool = True,
    share: Ranks = Ranks(),  # noqa: B008 - a tuple
) -> ImageEmbeddings:
    """Embeds every image of a source, and tells how far it is.

    Args:
        embedder: The network with its contract.
        source: Aligned faces; see `mfn.sources.fit` for those of another size than the contract's.
        flip: ``none``, or a way that needs the mirrored images too.
        batch_size: Images at a time.
        num_workers: Processes that decode.
        strict: Whether an image that is broken, or of which there is no finite embedding, is an error; otherwise it
            is left out.
        share: Which process this is, among those that all call this and embed a part each; all get the whole.

    Raises:
        BrokenImageError: An image of a strict source cannot be decoded, or is of a size that does not fit.
        DataError: The network gives NaN or infinity for an image of a strict source; or no image can be embedded.
    """
    console = None if share.rank == 0 else Console(file=io.StringIO())  # one process shows how far all are
    with counting(len(source), "images", source.name, console) as count:
        embedded = embed_together(
            embedder,
            source,
            np.arange(len(source)),
            share,
            flip=flip,
            batch_size=batch_size,
            num_workers=num_workers,
            strict=strict,
            count=count,
        )
    if not len(embedded.positions):
        raise DataError(f"{source.name} holds no image that can be read and embedded")
    return embedded


def embed_together(
    embedder: FaceEmbedder,
    source: ImageSource,
    positions: NDArray[np.int64],
    share: Ranks,
    *,
    flip: str,
    batch_size: int,
    num_workers: int,
    strict: bool,
    count: Count,
) -> ImageEmbeddings:
    """The same as `embed_some`, by several processes that each embed a part; all get the whole."""
    options = {"flip": flip, "batch_size": batch_size, "num_workers": num_workers, "strict": strict}
    if share.size == 1:
        return embed_some(embedder, source, positions, count=count, **options)
    parts = np.array_split(positions, share.size)
    listening = Listening(count, share, [len(part) for part in parts], batch_size)
    try:
        own = embed_some(embedder, source, parts[share.rank], count=listening, **options)
        listening.end()
    except Exception as error:
        listening.fail(error)
    views = [own.plain] if own.mirrored is None else [own.plain, own.mirrored]
    found, plain, *mirrored = (rows_of_all(rows, share) for rows in (own.positions, *views))
    return ImageEmbeddings(found, plain, mirrored[0] if mirrored else None)  # type: ignore[arg-type]


def embed_some(
    embedder: FaceEmbedder,
    source: ImageSource,
    positions: NDArray[np.int64],
    *,
    flip: str,
    batch_size: int,
    num_workers: int,
    strict: bool,
    count: Count,
) -> ImageEmbeddings:
    """Embeds the images at some positions, see `embed_images`; maybe none can be."""
    size = (embedder.contract.height, embedder.contract.width)
    found, plain, mirrored = [], [], []
    for batch in evaluation_loader(source, size, batch_size, num_workers, strict=strict, positions=positions):
        if len(batch.indices):
            rows = [embedder.raw(batch.images).cpu().numpy()]
            if flip != "none":
                rows.append(embedder.raw(batch.images.flip(2)).cpu().numpy())
            finite = _finite(rows, batch.indices.numpy(), source, strict)
            found.append(batch.indices.numpy()[finite])
            plain.append(rows[0][finite])
            if flip != "none":
                mirrored.append(rows[1][finite])
        count(len(batch.indices) + len(batch.broken))
    if not found:
        nothing = np.empty((0, embedder.contract.embedding_dim), np.float32)
        return ImageEmbeddings(np.empty(0, np.int64), nothing, None if flip == "none" else nothing)
    return ImageEmbeddings(np.concatenate(found), np.concatenate(plain), np.concatenate(mirrored) if mirrored else None)


def _finite(
    views: list[NDArray[np.float32]], positions: NDArray[np.int64], source: ImageSource, strict: bool
) -> NDArray[np.bool_]:
    """Which images of a batch have finite embeddings; tells of the others."""
    finite = np.logical_and.reduce([np.isfinite(view).all(axis=1) for view in views])
    if not finite.all():
        where = source.describe(int(positions[np.argmin(finite)]))
        said = f"{where}: the network gives NaN or infinity for it"
        if strict:
            raise DataError(f"{said}; look at the file with mfn inspect, and at what it expects of pixels")
        log.warning("%s and for %d more of its batch; left out", said, np.count_nonzero(~finite) - 1)
    return finite
