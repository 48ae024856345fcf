"""Every image of a set once through a network."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mfn.data.source import ImageSource
from mfn.data.verification import verification_loader
from mfn.errors import ConfigError, DataError
from mfn.inference.embedder import FaceEmbedder
from mfn.metrics.insightface import mean_norm
from mfn.metrics.scores import combine

VIEWS = ("none", "sum", "concat")


@dataclass(frozen=True, slots=True)
class Embedded:
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


def flip_views(flip: str | bool) -> str:
    """The name of a way to use the mirrored image; true stands for sum, false for none.

    Raises:
        ConfigError: There is no such way.
    """
    name = {True: "sum", False: "none"}.get(flip, flip) if isinstance(flip, bool) else flip
    if name not in VIEWS:
        raise ConfigError(f"flip={flip} must be one of {', '.join(VIEWS)}")
    return str(name)


def embed_images(
    embedder: FaceEmbedder,
    source: ImageSource,
    *,
    flip: str = "none",
    batch_size: int = 32,
    num_workers: int = 0,
    strict: bool = True,
) -> Embedded:
    """Embeds every image of a source.

    Args:
        embedder: The network with its contract.
        source: Aligned faces; see `mfn.data.fit` for those of another size than the contract's.
        flip: ``none``, or a way that needs the mirrored images too.
        batch_size: Images at a time.
        num_workers: Processes that decode.
        strict: Whether a broken image is an error; otherwise it is left out.

    Raises:
        BrokenImageError: An image of a strict source cannot be decoded, or is of a size that does not fit.
        DataError: No image can.
    """
    size = (embedder.contract.height, embedder.contract.width)
    positions, plain, mirrored = [], [], []
    for batch in verification_loader(source, size, batch_size, num_workers, strict=strict):
        if len(batch.indices):
            positions.append(batch.indices.numpy())
            plain.append(embedder.raw(batch.images).cpu().numpy())
            if flip != "none":
                mirrored.append(embedder.raw(batch.images.flip(2)).cpu().numpy())
    if not positions:
        raise DataError(f"{source.name} holds no image that can be read")
    return Embedded(np.concatenate(positions), np.concatenate(plain), np.concatenate(mirrored) if mirrored else None)
