"""The training set without the people of a benchmark, as an InsightFace pack."""

import logging
import os
from pathlib import Path

import numpy as np

from mfn.errors import BrokenImageError, DataError
from mfn.packs.pack_writer import PackWriter
from mfn.prepare.overlap.found import Overlap
from mfn.progress import counting
from mfn.sources.encode import encoded

log = logging.getLogger(__name__)


def refuse_filled(folder: Path) -> None:
    """Makes sure, before the work, that a pack may be written to a folder.

    Raises:
        DataError: It is a file, or something is in it.
    """
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise DataError(f"{folder} is a file: give the name of a folder for the training set without these people")
    if any(folder.iterdir()):
        raise DataError(f"{folder} holds something already: give another folder for the training set, or an empty one")


def write_filtered(found: Overlap, folder: Path) -> int:
    """Writes ``train.rec`` and its companions with the images of all people who are not in the benchmark.

    Images are written as they are stored, people get new numbers from 0 in the order of the old ones, and images that
    cannot be read are left out and told. Nothing in the folder is replaced.

    Args:
        found: What was found.
        folder: Where to.

    Returns:
        How many images were written.

    Raises:
        DataError: There is a pack already, nobody is left, or it cannot be written.
    """
    side, kept = found.training, found.kept
    if not kept.size:
        raise DataError(f"nobody of {side.name} is left: all its people are in {found.benchmark.name}")
    order = kept[np.argsort(side.people[kept], kind="stable")]
    label_of: dict[int, int] = {}
    names: list[str] = []  # the pack writes them at its end, when it is known of whom an image could be read
    height, width = side.source.image(_first_readable(found, order)).shape[:2]
    written = 0
    with (
        PackWriter(folder, (height, width), label_names=names) as pack,
        counting(order.size, "images", f"{folder.name}, written") as count,
    ):
        for position in order.tolist():
            count(1)
            try:
                data = encoded(side.source, position)
            except BrokenImageError as error:
                log.debug("%s", error)
                continue
            person = int(side.people[position])
            if person not in label_of:
                label_of[person] = len(names)
                names.append(side.people_names[person])
            pack.add(label_of[person], data, side.names[position])
            written += 1
    if written < order.size:
        log.warning("%s: left out %d images that cannot be read", folder, order.size - written)
    return written


def _first_readable(found: Overlap, order: np.ndarray) -> int:
    for position in order.tolist():
        try:
            found.training.source.image(position)
        except BrokenImageError:
            continue
        return position
    raise DataError(f"no image of {found.training.name} can be read")
