"""The faces of a training pack, or of a folder of people, that files are checked on."""

import logging
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mfn.benchmarks.attributes import AttributeTable, matched, read_attributes
from mfn.benchmarks.verification import VerificationSet
from mfn.contract import InputContract
from mfn.errors import BrokenImageError, ConfigError, DataError, ExportError
from mfn.evaluation.groupings import MOST_GROUPS, Grouping, image_groups
from mfn.export.check import CheckFaces
from mfn.sources.fit import Fit, Fitted
from mfn.sources.identities import select_images
from mfn.sources.open_faces import open_faces
from mfn.sources.sizes import check_sizes
from mfn.sources.source import FaceSource
from mfn.sources.subset import Subset

log = logging.getLogger(__name__)

PER_PERSON = 10
"""Faces of one person at most: of more, a few people would make nearly all genuine comparisons."""


def check_faces(
    root: Path | str,
    contract: InputContract,
    count: int = 2000,
    seed: int = 0,
    fit: str = "exact",
    without: np.ndarray | None = None,
) -> tuple[CheckFaces, VerificationSet]:
    """Draws people, seeded, and up to ten faces of each who has two, until there are enough faces.

    Pictures that are there twice, pixel by pixel, count once; broken ones are passed over.

    Args:
        root: Of a pack or a folder of people, see `open_faces`.
        contract: Of the network; says the size.
        count: Faces to take; all where there are fewer.
        seed: Of the draw.
        fit: How images of another size come to the contract's, see `mfn.sources.fit.Fit`.
        without: Faces to leave out, uint8 RGB (M, H, W, 3), as those a file was calibrated on.

    Returns:
        The faces, and where they come from as a set without pairs.

    Raises:
        ExportError: There are no two faces of one person and one of another.
    """
    try:
        source = open_faces(root, "check.root")
        fitted = Fitted(source, Fit((contract.height, contract.width), fit))
        check_sizes(source, fitted.fit)
    except (DataError, ConfigError) as error:
        raise ExportError(f"check.root={root} holds no aligned faces of people to check on ({error})") from error
    used = {_digest(image) for image in (() if without is None else without)}
    seen, faces, places, broken = set[bytes](), list[np.ndarray](), list[int](), list[str]()
    left_out = {"calibrated on": 0, "there twice": 0}
    for place in _order(source.labels, seed):
        try:
            image = fitted.image(int(place))
        except BrokenImageError as error:
            broken.append(str(error))
            continue
        if (digest := _digest(image)) in used or digest in seen:
            left_out["calibrated on" if digest in used else "there twice"] += 1
            continue
        seen.add(digest)
        faces.append(image)
        places.append(int(place))
        if len(faces) == count:
            break
    if broken:
        log.warning("check: passed over %d images, such as: %s", len(broken), broken[0])
    people = source.labels[places]
    if len(np.unique(people)) < 2 or len(np.unique(people)) == len(people):
        raise ExportError(
            f"check.root={root} holds {len(faces)} faces of {len(np.unique(people))} people that can be used: two of "
            "one person and one of another are the least (people with one face, faces that files were calibrated on "
            "and broken ones are left out)"
        )
    said = ", ".join(f"{number} {why}" for why, number in left_out.items())
    log.info("check: %d faces of %d people; left out: %s", len(faces), len(np.unique(people)), said)
    where = tuple(fitted.describe(place) for place in places)
    return CheckFaces(np.stack(faces), people, where), _as_set(source, np.array(places), people)


def grouped(table: AttributeTable, images: VerificationSet, by: Sequence[str]) -> Grouping:
    """Groups of the images by columns of a CSV.

    Args:
        table: The CSV.
        images: Of `check_faces`.
        by: Columns, crossed where there are two.

    Raises:
        DataError: The CSV lacks a column or knows nothing of any image, or there are too many groups.
    """
    values = matched(table, images, by)
    if all((each == "").all() for each in values.values()):
        first = 0 if images.identities is None else int(images.identities[0])
        known = images.source.describe(0) if table.of_images else images.people.get(first, first)
        raise DataError(
            f"{table.path} names nobody of check.root: it has {next(iter(table.rows), 'none')}, check.root has {known}"
        )
    try:
        found = image_groups(values)
    except DataError as error:
        raise DataError(
            f"check.by={','.join(by)} makes more than {MOST_GROUPS} groups: name a coarser column"
        ) from error
    if unknown := int(np.count_nonzero(found.codes < 0)):
        log.info(
            "check: of %d of %d faces the %s is not known: they are in no group", unknown, len(found.codes), found.by
        )
    return found


def attributes(path: Path | str, by: Sequence[str]) -> AttributeTable:
    """The CSV of `check.groups`, which must have the columns.

    Raises:
        ConfigError: It lacks one.
        DataError: It cannot be read.
    """
    table = read_attributes(path)
    if lacking := [name for name in by if name not in table.columns]:
        raise ConfigError(f"check.by={lacking[0]} is no column of {path}: it has {', '.join(table.columns)}")
    return table


def _order(labels: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Positions of the images to take, person by person in a random order."""
    chosen = select_images(labels, 2, PER_PERSON, seed)
    people, person = np.unique(labels[chosen], return_inverse=True)
    rank = np.random.default_rng(seed).permutation(len(people))
    return chosen[np.argsort(rank[person], kind="stable")]


def _as_set(source: FaceSource, places: NDArray[np.int64], people: NDArray[np.int64]) -> VerificationSet:
    """What `matched` takes: the images and whom they show, without pairs."""
    none = np.empty(0, np.int64)
    subset = Subset(source.name, source, places)
    pairs, names = none.reshape(0, 2), source.label_names or {}
    return VerificationSet(source.name, subset, pairs, none.astype(bool), none, identities=people, people=names)


def _digest(image: np.ndarray) -> bytes:
    return blake2b(image.tobytes(), digest_size=16).digest()
