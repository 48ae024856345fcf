"""The step that lets no face through whose quality is too low to be recognised by, as a network sees it."""

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mfn.evaluation.embedding import ImageEmbeddings, embed_images
from mfn.inference.embedder import FaceEmbedder
from mfn.inference.quality import quality_of
from mfn.prepare.crops import Crops
from mfn.prepare.manifest import Manifest
from mfn.sources.fit import ALIGNED_CROPS, Fit, Fitted, Size
from mfn.sources.sizes import check_sizes

log = logging.getLogger(__name__)

LOW_QUALITY = "low quality"


@dataclass(frozen=True, eq=False, slots=True)
class Seen:
    """What a network made of the rows that it could look at.

    Attributes:
        rows: int64 (M,), positions in the manifest.
        embedded: Of these rows, one each.
    """

    rows: NDArray[np.int64]
    embedded: ImageEmbeddings

    def kept(self, manifest: Manifest) -> "Seen":
        """Those that a manifest of the same rows keeps."""
        there = manifest.kept()[self.rows]
        found = self.embedded
        return Seen(self.rows[there], ImageEmbeddings(found.positions[there], found.plain[there], found.mirrored))


def look_at(
    crops: Crops, embedder: FaceEmbedder, *, aligned: Size | None = None, batch_size: int = 32, workers: int = 0
) -> Seen:
    """Embeds the rows that are kept and are no virtual copies.

    Args:
        crops: All rows.
        embedder: Any network.
        aligned: The size to which the crops were aligned here; None where they are as the source has them.
        batch_size: Images at a time.
        workers: Processes that decode.

    Raises:
        DataError: The crops cannot be brought to the network's size.
    """
    manifest = crops.manifest
    rows = np.flatnonzero(manifest.kept() & (manifest.variant == ""))
    height, width = embedder.contract.height, embedder.contract.width
    fit = Fit((height, width), crops=(*ALIGNED_CROPS, *([aligned] if aligned else [])))
    remedy = f"have align among the steps, with image_size=[{height},{width}], the size of the network"
    log.info("images: %s", check_sizes(crops.take(rows), fit, remedy))
    faces = Fitted(crops.take(rows), fit)
    embedded = embed_images(embedder, faces, batch_size=batch_size, num_workers=workers, strict=False)
    if left_out := len(faces) - len(embedded.positions):
        log.warning("%d images are broken or of a size that does not fit, and were not looked at", left_out)
    return Seen(rows[embedded.positions], embedded)


def gated(manifest: Manifest, seen: Seen, least: float) -> Manifest:
    """Writes down the quality of the faces that were looked at, and drops those below `least`.

    A virtual copy goes with the image it is made of.
    """
    quality = np.full(len(manifest), np.nan)
    quality[seen.rows] = quality_of(seen.embedded.plain)
    low = manifest.row[quality < least]
    return manifest.replace(quality=quality).drop(np.isin(manifest.row, low), LOW_QUALITY)
