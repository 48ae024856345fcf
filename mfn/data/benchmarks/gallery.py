"""Identification sets: who of the gallery is on a probe, or nobody."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfn.data.benchmarks.made_pairs import open_faces
from mfn.data.identities import select_images, split_identities
from mfn.data.source import ImageSource
from mfn.data.subset import Subset
from mfn.errors import ConfigError, DataError


@dataclass(frozen=True, eq=False)
class IdentificationSet:
    """A 1:N benchmark; probes whose identity has no image in the gallery are unknown (the open set).

    Attributes:
        name: for tables and metric names.
        source: the images.
        gallery: int64 (G,), positions in `source` of the enrolled images.
        probes: int64 (Q,), positions in `source` of the images to identify.
        identities: int64 (N,), the person each image of `source` shows.
        strict: a broken image is an error; otherwise it is left out.
    """

    name: str
    source: ImageSource
    gallery: np.ndarray
    probes: np.ndarray
    identities: np.ndarray
    strict: bool = False


def split_gallery(
    root: str | Path,
    gallery_images: int = 1,
    enrolled: float = 0.8,
    seed: int = 0,
    name: str | None = None,
    max_probes: int | None = None,
) -> IdentificationSet:
    """Enrol a seeded share of the people under `root`; everything else is probes.

    Args:
        root: an InsightFace pack or a folder of one folder per person.
        gallery_images: images of each enrolled person in the gallery; their other images are known probes.
        enrolled: share of the people; all images of the others are unknown probes. 1 makes a closed set.
        seed: of all draws; a person's part does not depend on who else is there.
        name: of the set; by default the source's own.
        max_probes: keep a seeded pick of this many probes; None keeps all.

    Raises:
        ConfigError: a value out of range.
        DataError: there is nothing at `root`, or nobody to enrol and look for.
    """
    if gallery_images < 1 or not 0 < enrolled <= 1 or (max_probes is not None and max_probes < 1):
        raise ConfigError(
            f"gallery_images={gallery_images} and max_probes={max_probes} must be at least 1, "
            f"enrolled={enrolled} a share above 0 and up to 1"
        )
    source = open_faces(root)
    known = np.flatnonzero(~split_identities(source.labels, 1 - enrolled, seed))
    gallery = known[select_images(source.labels[known], 1, gallery_images, seed)]
    probes = np.setdiff1d(np.arange(len(source)), gallery)
    if max_probes is not None and probes.size > max_probes:
        probes = np.sort(np.random.default_rng(seed).choice(probes, max_probes, replace=False))
    if not np.isin(source.labels[probes], source.labels[gallery]).any():
        raise DataError(
            f"no probe shows one of the {np.unique(source.labels[gallery]).size} people enrolled from {root}: "
            f"they need more than gallery_images={gallery_images} images each"
        )
    used = np.union1d(gallery, probes)
    return IdentificationSet(
        name or source.name,
        Subset(name or source.name, source, used),
        np.searchsorted(used, gallery),
        np.searchsorted(used, probes),
        source.labels[used],
    )
