"""Faces to groups, one for each person.

Centroid linkage, under the rule that two faces of one photo are two people: the two groups whose means are most alike
become one, again and again, as long as the cosine of the means is at least a threshold and no photo has a face in both.
A mean, scaled to unit length, is compared as a face is, so that a false match is no likelier for groups than for faces,
while more photos of a person bring out what they have in common. There is no table of all pairs: memory grows with the
faces, not with their square.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mfn.contract import InputContract
from mfn.recognition.thresholds import Threshold, fmr_for, scores_for, threshold_of_pair

Told = Callable[[int], object]

_FIRST, _LATER = 256, 16
"""Groups that are compared with all others at a time, at first and later on."""
_APART = np.float32(-4)
"""Added to a cosine, or in its place, where two groups must stay two."""
DEFAULT_FPIR = 0.05
"""Chance of a face to be at least as much like any stranger of the folder as the threshold asks."""
_MOST_FMR = 1e-4
"""False match rate of one comparison that the default never goes above, however few faces there are."""


def threshold_of_groups(
    contract: InputContract, faces: int, *, flip: str, threshold: float | None = None, fpir: float | None = None
) -> Threshold:
    """The threshold for so many faces among themselves: every face is compared with all others.

    Args:
        contract: Of the network.
        faces: How many there are.
        flip: How the embeddings are made.
        threshold: As the user says.
        fpir: Or the chance of a face to be taken for a stranger; None takes `DEFAULT_FPIR`.

    Raises:
        ConfigError: Both are given, one makes no sense, or there is nothing to take a threshold from.
    """
    if threshold is not None or (fpir is None and scores_for(contract, flip) is None):
        found = threshold_of_pair(contract, flip=flip, threshold=threshold, fmr=fpir)
        if threshold is not None or found.warning:
            return found
        doubt = f"the network's threshold is for two photos; among {faces:,} faces strangers come together more often"
        return replace(found, warning=doubt)
    fmr = fmr_for(DEFAULT_FPIR if fpir is None else fpir, faces - 1)
    found = threshold_of_pair(contract, flip=flip, fmr=fmr if fpir is not None else min(fmr, _MOST_FMR))
    return replace(found, source=f"for {faces:,} faces, {found.source}")


def grouped(
    embeddings: NDArray[np.float32], photos: Sequence[str], threshold: float, told: Told = lambda number: None
) -> NDArray[np.int64]:
    """Groups faces by person; a function of the faces, whatever their order.

    Args:
        embeddings: float32 (N, D) of unit length.
        photos: Photo of each face, N names; no two faces of one photo come into one group.
        threshold: Cosine of their means from which two groups are one person.
        told: Called with how many more faces were compared with all others, N in all.

    Returns:
        Number of each face's group, int64 (N,): 0 is the largest; a face without others is a group of its own.
    """
    order = _order(embeddings, photos)
    groups = _Groups(embeddings[order], [photos[int(row)] for row in order])
    _merge_all(groups, threshold, told)
    found = np.empty(len(photos), np.int64)
    for number, rows in enumerate(sorted(groups.members.values(), key=lambda rows: (-len(rows), min(rows)))):
        found[order[rows]] = number
    return found


def _order(embeddings: NDArray[np.float32], photos: Sequence[str]) -> NDArray[np.int64]:
    """The faces by photo, and those of a photo by embedding: an order that they alone decide."""
    return np.lexsort((*embeddings.T[::-1], _numbers(photos)))


def _numbers(photos: Sequence[str]) -> NDArray[np.int64]:
    """A number for each name, in the order of the names."""
    number = {name: position for position, name in enumerate(sorted(set(photos)))}
    return np.array([number[name] for name in photos], np.int64)


class _Groups:
    """Groups as they grow, each under the number of one of its faces.

    Attributes:
        members: Faces of each group; what was merged into another is not here any more.
        age: How often each group has grown; -1 of those that are no more.
    """

    def __init__(self, embeddings: NDArray[np.float32], photos: Sequence[str]) -> None:
        size = len(photos)
        self.members = {row: [row] for row in range(size)}
        self.age = [0] * size
        self._sums = embeddings.astype(np.float64)
        self._group_of = np.arange(size)
        photo = _numbers(photos)
        faces = np.bincount(photo, minlength=1)
        self._faces_of = np.split(np.argsort(photo, kind="stable"), np.cumsum(faces)[:-1])
        self._shared = [[number] if faces[number] > 1 else [] for number in photo.tolist()]
        # Those that are compared stand in columns, which close up once many are empty
        self._column = self._group = np.arange(size)
        self._means, self._barred, self._empty = embeddings.copy(), np.zeros(size, np.float32), 0

    def nearest(self, rows: Sequence[int]) -> list[tuple[int, float]]:
        """The group that is most like each of these, and how much; less than any cosine where there is none."""
        alike = self._means[self._column[rows]] @ self._means.T
        alike += self._barred
        for mine, row in zip(alike, rows, strict=True):
            mine[self._column[row]] = _APART
            for photo in self._shared[row]:
                mine[self._column[self._group_of[self._faces_of[photo]]]] = _APART
        best = alike.argmax(1)
        return [(int(self._group[column]), float(mine[column])) for mine, column in zip(alike, best, strict=True)]

    def merge(self, one: int, two: int) -> None:
        """Puts the faces of group `two` into group `one`."""
        taken = self.members.pop(two)
        self._group_of[taken] = one
        self.members[one] += taken
        self._shared[one] += self._shared[two]
        self._sums[one] += self._sums[two]
        self._means[self._column[one]] = self._sums[one] / max(1e-9, float(np.linalg.norm(self._sums[one])))
        self.age[one] += 1
        self.age[two] = -1
        self._barred[self._column[two]] = _APART
        self._empty += 1
        if self._empty > len(self._group) // 4:
            self._close_up()

    def _close_up(self) -> None:
        kept = np.flatnonzero(self._barred == 0)
        self._means, self._group, self._barred, self._empty = (
            self._means[kept],
            self._group[kept],
            self._barred[kept],
            0,
        )
        self._column = np.full(len(self.age), len(kept))  # what is no more has the last, which is nobody's
        self._column[self._group] = np.arange(len(kept))
        self._means = np.concatenate([self._means, np.zeros_like(self._means[:1])])
        self._group, self._barred = np.append(self._group, -1), np.append(self._barred, _APART)


def _merge_all(groups: _Groups, threshold: float, told: Told) -> None:
    """Merges the two groups that are most alike until no two are alike enough.

    What was nearest to a group is kept until one of the two changes, and a group is compared anew only once nothing
    else could be nearer. A group that came later looked at all that were there, so that no pair is missed.
    """
    near: list[tuple[float, int, int, int, int]] = []

    def look(rows: Sequence[int]) -> None:
        for row, (other, cosine) in zip(rows, groups.nearest(rows), strict=True):
            if cosine >= threshold:
                heapq.heappush(near, (-cosine, row, other, groups.age[row], groups.age[other]))

    for start in range(0, len(groups.age), _FIRST):
        rows = range(start, min(start + _FIRST, len(groups.age)))
        look(rows)
        told(len(rows))
    while near:
        again: list[int] = []
        while near and len(again) < _LATER:
            _, row, other, age, age_of_other = near[0]
            if groups.age[row] == age and groups.age[other] == age_of_other:
                break
            heapq.heappop(near)
            if groups.age[row] == age:
                again.append(row)
        if again:
            look(again)
        elif near:
            _, one, two, _, _ = heapq.heappop(near)
            one, two = min(one, two), max(one, two)
            groups.merge(one, two)
            look([one])
