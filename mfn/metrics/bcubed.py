"""How well groups of faces agree with the people on them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class BCubed(NamedTuple):
    """Shares from 0 to 1, each the mean over all faces.

    Attributes:
        precision: Of a face's group, the share that shows the same person, itself included.
        recall: Of a person's faces, the share that is in the face's group, itself included.
    """

    precision: float
    recall: float

    @property
    def f(self) -> float:
        """Harmonic mean of both."""
        return 2 * self.precision * self.recall / (self.precision + self.recall)


def bcubed(groups: ArrayLike, people: ArrayLike) -> BCubed:
    """BCubed precision and recall (Bagga and Baldwin, 1998).

    Args:
        groups: Number of each face's group, int (N,); a face that is in none counts as a group of its own where its
            number is below 0.
        people: Who it is, of any type, (N,).

    Raises:
        ValueError: There is no face, or they are not as many.
    """
    group, person = np.array(groups, np.int64), np.unique(np.asarray(people), return_inverse=True)[1]
    if not group.size or group.shape != person.shape:
        raise ValueError(f"expected a group and a person for each face, got {group.shape} and {person.shape}")
    alone = np.flatnonzero(group < 0)
    group[alone] = group.max() + 1 + np.arange(alone.size)
    both = np.stack([group, person], axis=1)
    of_both, of_group, of_person = (_sizes(of) for of in (both, group, person))
    return BCubed(float((of_both / of_group).mean()), float((of_both / of_person).mean()))


def _sizes(of: np.ndarray) -> np.ndarray:
    """How many rows are like each row."""
    _, inverse, counts = np.unique(of, axis=0, return_inverse=True, return_counts=True)
    return counts[inverse.ravel()]
