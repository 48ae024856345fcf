"""Dropping images that teach nothing or the wrong thing: tiny, grey, blurry, and copies of others."""

from dataclasses import dataclass

import numpy as np

from mfn.errors import ConfigError, DataError
from mfn.prepare.duplicates import near_duplicates, shared_images
from mfn.prepare.manifest import Manifest

TINY, GREY, BLURRY, DUPLICATE, SHARED = "tiny", "grey", "blurry", "duplicate", "same image under two identities"


@dataclass(frozen=True, slots=True)
class CleanRules:
    """What is dropped; the defaults drop copies alone.

    Attributes:
        min_face: Shorter side, in pixels of the photo, that a face must have; of the whole image where no box is known.
        min_blur: Variance of the Laplacian below which a crop is blurry. On 112x112 crops of celebrities 1 % are below
            46, 5 % below 108, half below 680.
        grey: Whether grey images are dropped.
        duplicate_distance: Bits in which the hashes of two copies within one identity may differ; None looks for none.
            4 finds all crops stored again at JPEG quality 50 and 91 % of those moved by a pixel; of 50 pairs found
            among 12,046 celebrities, about three were very similar photos.
        min_quality: Quality that a face must have, see `mfn.prepare.quality_gate`; None asks nothing.
        quality: File of the network that gives it; None is the length of the embedding of ``model_path``.
        shared: Whether an image that lies under two identities is dropped from both, since one of them is wrong. With
            millions of images some of these are chance: look at them in `dropped.html`.

    Raises:
        ConfigError: A value out of range.
    """

    min_face: float = 0
    min_blur: float = 0
    grey: bool = False
    duplicate_distance: int | None = 4
    shared: bool = True
    min_quality: float | None = None
    quality: str | None = None

    def __post_init__(self) -> None:
        if self.min_face < 0 or self.min_blur < 0:
            raise ConfigError(f"clean: min_face={self.min_face} and min_blur={self.min_blur} must not be negative")
        if self.duplicate_distance is not None and not 0 <= self.duplicate_distance <= 15:
            raise ConfigError(f"clean.duplicate_distance={self.duplicate_distance} must be null or from 0 to 15 bits")
        if self.quality is not None and self.min_quality is None:
            raise ConfigError(
                f"clean.quality={self.quality} says whose quality clean.min_quality asks: give clean.min_quality too, "
                "or leave it out"
            )


def clean(manifest: Manifest, rules: CleanRules) -> Manifest:
    """Marks what the rules drop. Of a group of copies the largest, then the sharpest one stays.

    Raises:
        DataError: Images were not measured.
    """
    if unmeasured := int(np.isnan(manifest.blur[manifest.kept()]).sum()):
        raise DataError(f"{unmeasured} images have no blur and hash: measure them before they are cleaned")
    face = face_size(manifest)
    manifest = manifest.drop(face < rules.min_face, TINY)
    if rules.grey:
        manifest = manifest.drop(manifest.grey, GREY)
    manifest = manifest.drop(manifest.blur < rules.min_blur, BLURRY)

    kept = np.flatnonzero(manifest.kept())
    if rules.duplicate_distance is None or not kept.size:
        return manifest
    hashes, labels = manifest.hash[kept], np.unique(manifest.identity[kept], return_inverse=True)[1]
    group = near_duplicates(hashes, labels, rules.duplicate_distance)
    if rules.shared:
        # The near copies of a shared image are of the same doubtful person.
        doubtful = np.isin(group, group[shared_images(hashes, labels)])
        manifest = manifest.drop(_mask(len(manifest), kept[doubtful]), SHARED)
    best_first = np.lexsort((-manifest.blur[kept], -face[kept], group))
    is_best = np.diff(group[best_first], prepend=-1) != 0
    return manifest.drop(_mask(len(manifest), kept[best_first[~is_best]]), DUPLICATE)


def face_size(manifest: Manifest) -> np.ndarray:
    """The shorter side of each face in pixels of its photo, float32 (N,); of the photo where no box is known."""
    box = manifest.box[:, 2:].min(axis=1)
    photo = np.minimum(manifest.height, manifest.width).astype(np.float32)
    return np.where(np.isnan(box), photo, box)


def _mask(size: int, rows: np.ndarray) -> np.ndarray:
    mask = np.zeros(size, bool)
    mask[rows] = True
    return mask
