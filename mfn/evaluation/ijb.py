"""The template protocols of IJB-B and IJB-C: 1:1 verification and 1:N identification."""

import numpy as np
from numpy.typing import NDArray

from mfn.align.similarity import similarity_transform
from mfn.align.warp import warp
from mfn.benchmarks.ijb import IjbSet, Subjects
from mfn.contract import InputContract
from mfn.evaluation.embedding import ImageEmbeddings, embed_images
from mfn.evaluation.embedding_cache import EmbeddingCache
from mfn.evaluation.identification import IdentificationResult
from mfn.evaluation.templates import Templates, TemplateVerification, search_gallery, verify_templates
from mfn.inference.embedder import FaceEmbedder
from mfn.metrics.templates import pool_templates
from mfn.ranks import Ranks
from mfn.sources.content import content
from mfn.sources.made import MadeFrom
from mfn.sources.source import ImageSource


class AlignedFaces(MadeFrom):
    """The faces of a source, cut out by their landmarks.

    Args:
        source: Images as they are.
        landmarks: Five points (x, y) of each, (N, 5, 2), in pixels of the image.
        contract: Says where the points belong and how large the crop is.

    Raises:
        DataError: Landmarks without extent.
    """

    def __init__(self, source: ImageSource, landmarks: NDArray[np.floating], contract: InputContract) -> None:
        super().__init__(source)
        self._matrices = similarity_transform(landmarks, contract.template)
        self._size = (contract.height, contract.width)

    def image(self, index: int) -> NDArray[np.uint8]:
        """Decodes and aligns image `index`: uint8 (H, W, 3) RGB."""
        return warp(self.source.image(index), self._matrices[index], self._size)

    def content(self, index: int) -> bytes:
        """The image's content, its matrix and the size of the crop: what the pixels are a function of."""
        return content(self.source, index) + self._matrices[index].tobytes() + f"{self._size}".encode()


def run_ijb(
    embedder: FaceEmbedder,
    ijb: IjbSet,
    cache: EmbeddingCache | None = None,
    *,
    flip: str = "sum",
    batch_size: int = 32,
    num_workers: int = 0,
    keep_norm: bool = True,
    detector_weight: bool = True,
    media_pooling: bool = True,
    strict: bool = True,
    share: Ranks = Ranks(),  # noqa: B008 - a tuple
) -> tuple[TemplateVerification, list[IdentificationResult]]:
    """Embeds every image, pools templates, and judges both protocols. The defaults are those of InsightFace's tables.

    Args:
        embedder: The network with its contract.
        ijb: The benchmark.
        cache: Where embeddings are kept, so that a stopped run goes on; None: in memory alone.
        flip: What to do with the mirrored image's embedding: none | sum | concat.
        batch_size: Images at a time.
        num_workers: Processes that decode and align.
        keep_norm: Let longer embeddings, of clearer faces, count more; otherwise all are of unit length.
        detector_weight: Let faces that the detector was surer of count more.
        media_pooling: Let a video count as much as a photo, by the mean of its images.
        strict: Whether a broken image is an error; otherwise it is left out.
        share: Which process this is; those beside it embed their part, see :mod:`mfn.evaluation.helping`.

    Returns:
        1:1, and 1:N for each gallery by itself (probes of other people are unknown there) and for all of them together
        (every probe is enrolled, as InsightFace reports it).

    Raises:
        BrokenImageError: An image cannot be decoded.
    """
    faces = AlignedFaces(ijb.source, ijb.landmarks, embedder.contract)
    options = {"flip": flip, "batch_size": batch_size, "num_workers": num_workers, "strict": strict, "share": share}
    embedded = (embed_images if cache is None else cache.embed)(embedder, faces, **options)
    at = embedded.positions
    templates = pooled(
        ijb, embedded, flip, keep_norm=keep_norm, detector_weight=detector_weight, media_pooling=media_pooling
    )
    broken = np.setdiff1d(np.arange(len(faces)), at)
    missing = (*ijb.missing, *(faces.describe(int(index)) for index in broken))
    together = Subjects(*(np.concatenate(part) for part in zip(*ijb.galleries.values(), strict=True)))
    galleries = ijb.galleries | {"+".join(ijb.galleries): together}
    searched = [search_gallery(f"{ijb.name} {name}", templates, ijb.probes, who) for name, who in galleries.items()]
    return verify_templates(ijb.name, templates, ijb.pairs, ijb.is_same, missing, ijb.notes), searched


def pooled(
    ijb: IjbSet, embedded: ImageEmbeddings, flip: str, *, keep_norm: bool, detector_weight: bool, media_pooling: bool
) -> Templates:
    """One embedding of each template that has an image, see `run_ijb`."""
    at = embedded.positions
    return Templates.of(
        *pool_templates(
            raw_views(embedded, flip) if keep_norm else embedded.unit(flip),
            ijb.templates[at],
            ijb.media[at],
            ijb.scores[at] if detector_weight else None,
            media_pooling,
        )
    )


def raw_views(embedded: ImageEmbeddings, flip: str) -> NDArray[np.float32]:
    """Embeddings as the network gave them, the two views put together as `flip` says (none | sum | concat)."""
    if embedded.mirrored is None or flip == "none":
        return embedded.plain
    if flip == "sum":
        return embedded.plain + embedded.mirrored
    return np.concatenate([embedded.plain, embedded.mirrored], axis=1)
