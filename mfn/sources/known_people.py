"""Images of a second source that show people of the first."""

from typing import NamedTuple

import numpy as np

from mfn.errors import DataError
from mfn.sources.source import FaceSource


class KnownImages(NamedTuple):
    """Which images of a source show known people.

    Attributes:
        source: The images.
        positions: int64 (N,), ascending.
        classes: int64 (N,), class of each.
        strangers: How many of the other people the source has.
    """

    source: FaceSource
    positions: np.ndarray
    classes: np.ndarray
    strangers: int


def known_images(source: FaceSource, label_map: np.ndarray, names: dict[int, str] | None) -> KnownImages:
    """Finds the people that train, by their names where both sources have names, else by their labels.

    Args:
        source: Further images.
        label_map: int64 (C,), raw label of each class.
        names: Of the raw labels in the training data.

    Raises:
        DataError: It shows none of them.
    """
    if names and source.label_names:
        class_of_name = {names[int(label)]: position for position, label in enumerate(label_map)}
        class_of = {label: class_of_name.get(name, -1) for label, name in source.label_names.items()}
    else:
        class_of = {int(label): position for position, label in enumerate(label_map)}
    people, inverse = np.unique(source.labels, return_inverse=True)
    classes = np.array([class_of.get(int(label), -1) for label in people], np.int64)
    positions = np.flatnonzero(classes[inverse] >= 0)
    if positions.size == 0:
        raise DataError(
            f"{source.name} shows none of the {label_map.size} people that train: give data.val_root further images of "
            "the same people, under the same names"
        )
    return KnownImages(source, positions, classes[inverse][positions], int((classes < 0).sum()))
