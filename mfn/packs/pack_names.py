"""The identities' names beside a pack: `names.txt`, a line for each label from 0 on."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mfn.files.lines import as_field, read_lines, write_lines

logger = logging.getLogger(__name__)

FILE = "names.txt"


def read_names(folder: Path, labels: np.ndarray) -> dict[int, str] | None:
    """A name for each of `labels`, or None where the folder has none that fit, which is told in the log."""
    path = folder / FILE
    if not path.is_file():
        return None
    names = read_lines(path)
    present = np.unique(labels)
    if present[0] < 0 or present[-1] >= len(names):
        logger.warning("%s has %d names, the labels go from %d to %d", path, len(names), present[0], present[-1])
        return None
    return {label: names[label] for label in present.tolist()}


def write_names(folder: Path, names: Sequence[str]) -> None:
    """Writes the names of labels 0, 1, ...; line breaks and tabs in them become spaces."""
    write_lines(folder / FILE, map(as_field, names))
