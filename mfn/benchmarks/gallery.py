"""Identification sets: who of the gallery is on a probe, or nobody."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mfn.benchmarks.root import checked_numbers
from mfn.errors import ConfigError, DataError
from mfn.sources.content import digests, is_stored
from mfn.sources.identities import select_images, split_identities
from mfn.sources.open_faces import open_faces
from mfn.sources.source import ImageSource
from mfn.sources.subset import Subset

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class IdentificationSet:
    """A 1:N benchmark; probes whose identity has no image in the gallery are unknown (the open set).

    Attributes:
        name: For tables and metric names.
        source: The images.
        gallery: int64 (G,), positions in `source` of the enrolled images.
        probes: int64 (Q,), positions in `source` of the images to identify.
        identities: int64 (N,), the person each image of `source` shows.
        notes: What to know of the figures, a sentence each.
        strict: A broken image is an error; otherwise it is left out.
        ranks: To report.
        by_image: Ranks count images of the gallery, not people.
        strangers: Galleries of strangers by name, positions in `source`, all of them in `gallery`: each probe is
            searched for among them with each other probe of its person in turn, as in MegaFace. Otherwise none.
    """

    name: str
    source: ImageSource
    gallery: np.ndarray
    probes: np.ndarray
    identities: np.ndarray
    notes: tuple[str, ...] = ()
    strict: bool = False
    ranks: tuple[int, ...] = (1, 5, 10)
    by_image: bool = False
    strangers: Mapping[str, np.ndarray] = field(default_factory=dict)


def split_gallery(
    root: str | Path,
    gallery_images: int = 1,
    enrolled: float = 0.8,
    seed: int = 0,
    name: str | None = None,
    max_probes: int | None = None,
) -> IdentificationSet:
    """Enrols a seeded share of the people under `root`; everything else is probes.

    A probe that is a gallery image over again, byte for byte, is found by any network: it is left out and counted.

    Args:
        root: Faces with their identities, see `open_faces`.
        gallery_images: Images of each enrolled person in the gallery; their other images are known probes.
        enrolled: Share of the people; all images of the others are unknown probes. 1 makes a closed set.
        seed: Of all draws; a person's part does not depend on who else is there.
        name: Of the set; by default the source's own.
        max_probes: Keep a seeded pick of this many probes; None keeps all.

    Raises:
        ConfigError: A value out of range.
        DataError: There is nothing at `root`, or nobody to enrol and look for.
    """
    checked_numbers(1, gallery_images=gallery_images, max_probes=max_probes)
    checked_numbers(0, seed=seed)
    if isinstance(enrolled, bool) or not isinstance(enrolled, int | float) or not 0 < enrolled <= 1:
        raise ConfigError(f"enrolled={enrolled} must be a share of the people, above 0 and up to 1")
    source = open_faces(root, "benchmark.root")
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
    name = name or source.name
    probes, notes = _without_copies(name, source, gallery, probes)
    used = np.union1d(gallery, probes)
    return IdentificationSet(
        name,
        Subset(name, source, used),
        np.searchsorted(used, gallery),
        np.searchsorted(used, probes),
        source.labels[used],
        notes,
    )


def _without_copies(
    name: str, source: ImageSource, gallery: np.ndarray, probes: np.ndarray
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The probes whose bytes are no gallery image's, and a note of how many are."""
    if not is_stored(source):
        return probes, ()
    logger.info("%s: looking for probes that are gallery images over again", name)
    enrolled = set(digests(source, gallery.tolist()))
    copies = np.array([digest in enrolled for digest in digests(source, probes.tolist())], bool)
    if not copies.any():
        return probes, ()
    note = f"{np.count_nonzero(copies):,} of {probes.size:,} probes are a gallery image over again: left out"
    logger.warning("%s: %s", name, note)
    return probes[~copies], (note,)
