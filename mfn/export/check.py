"""Files beside the checkpoint on thousands of faces: cosines, and true accept rates over all comparisons of the faces.

A list of pairs as LFW's has 3,000 impostor pairs, too few for false accept rates below 1e-3, and its pairs are so easy
that a file can lose much before it loses one. All comparisons of 2,000 faces are two million.
"""

import logging
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mfn.evaluation.groupings import Grouping
from mfn.inference.embedder import FaceEmbedder
from mfn.metrics.comparisons import ScoreCounts, all_comparisons, share_above, threshold_at
from mfn.metrics.doubles import doubles
from mfn.metrics.scores import cosine, unit

log = logging.getLogger(__name__)

FARS = (1e-3, 1e-4, 1e-5)
"""False accept rates; one that would be less than one of the impostor comparisons is not given."""


@dataclass(frozen=True, slots=True)
class CheckFaces:
    """Faces to compare.

    Attributes:
        images: uint8 RGB (N, H, W, 3).
        people: Whom each shows, int64 (N,).
        places: Where each comes from, in words.
        groups: Of the images, where a CSV says something of them.
    """

    images: NDArray[np.uint8]
    people: NDArray[np.int64]
    places: tuple[str, ...]
    groups: Grouping | None = None

    def take(self, chosen: NDArray[np.bool_]) -> "CheckFaces":
        """Some of the faces, bool (N,)."""
        groups = self.groups and replace(self.groups, codes=self.groups.codes[chosen])
        places = tuple(place for place, kept in zip(self.places, chosen, strict=True) if kept)
        return CheckFaces(self.images[chosen], self.people[chosen], places, groups)


@dataclass(frozen=True, slots=True)
class Rates:
    """What a network gives for everybody, or for a group at the thresholds of everybody.

    Attributes:
        faces: How many.
        people: Whom they show.
        genuine: Comparisons of two faces of one person.
        impostor: Comparisons of two people.
        mean_cosine: To the checkpoint's embedding of the same face.
        low_cosine: First percentile of these.
        min_cosine: Of the worst face.
        tar: Share of the genuine comparisons accepted, by false accept rate as ``1e-03``; those that the impostor
            comparisons of everybody are enough for, none for a group without genuine comparisons.
        fmr: Share of the impostor comparisons accepted at the same thresholds, likewise; a rate that would be less than
            one of them is not there.
    """

    faces: int
    people: int
    genuine: int
    impostor: int
    mean_cosine: float
    low_cosine: float
    min_cosine: float
    tar: dict[str, float]
    fmr: dict[str, float]


@dataclass(frozen=True, slots=True)
class Checked:
    """Rates of one network.

    Attributes:
        everybody: Of all faces; each network has thresholds of its own.
        groups: Of each group.
        worst_face: Where the face with the lowest cosine comes from; "" of the checkpoint.
        worst_drop: The largest part of the checkpoint's TAR that is lost at any false accept rate, as a share;
            negative where all are higher, None where there is no rate.
    """

    everybody: Rates
    groups: dict[str, Rates]
    worst_face: str = ""
    worst_drop: float | None = None


class Check:
    """The checkpoint on the faces, for files to be held against.

    Two people whom the checkpoint takes for one, see `mfn.metrics.doubles`, are most likely one person under two
    labels: a few such decide alone what happens at low false accept rates. Who has fewer faces is left out, and told.

    Args:
        faces: To compare.
        checkpoint: Run once.
        batch_size: Faces handed over at a time.

    Attributes:
        checkpoint: Its own rates.
    """

    def __init__(self, faces: CheckFaces, checkpoint: FaceEmbedder, batch_size: int = 32) -> None:
        self._batch_size = batch_size
        embeddings = self._embedded(checkpoint, faces)
        pairs = doubles(unit(embeddings), faces.people)
        kept = ~np.isin(faces.people, [fewer for _, fewer in pairs])
        if pairs:
            named = ", ".join(f"{fewer} as {more}" for more, fewer in pairs[:3])
            log.warning(
                "check: left out %d faces of people whom the checkpoint takes for others with more faces, most likely "
                "one person under two labels: %s%s",
                *(np.count_nonzero(~kept), named, ", ..." if len(pairs) > 3 else ""),
            )
        self._faces, self._expected = faces.take(kept), embeddings[kept]
        self.checkpoint = rates_of(self._expected, self._expected, self._faces)

    def of(self, embedder: FaceEmbedder) -> Checked:
        """Rates of a file.

        Raises:
            DataError: It gives embeddings that are not finite.
        """
        given, faces = self._embedded(embedder, self._faces), self._faces
        found = rates_of(given, self._expected, faces)
        theirs = self.checkpoint.everybody.tar
        drops = [theirs[far] - tar for far, tar in found.everybody.tar.items()]
        worst = faces.places[int(cosine(given, self._expected).argmin())]
        return replace(found, worst_face=worst, worst_drop=max(drops, default=None))

    def _embedded(self, embedder: FaceEmbedder, faces: CheckFaces) -> NDArray[np.float32]:
        images, size = faces.images, self._batch_size
        parts = [embedder.raw(images[start : start + size]).cpu().numpy() for start in range(0, len(images), size)]
        return np.concatenate(parts)


def rates_of(given: NDArray[np.float32], expected: NDArray[np.float32], faces: CheckFaces) -> Checked:
    """Rates from embeddings of any length, without mirrored images.

    Args:
        given: Of the file, (N, D).
        expected: Of the checkpoint, (N, D).
        faces: Whose they are.

    Raises:
        DataError: Some are not finite.
    """
    rows, cosines = unit(given), cosine(given, expected)
    every = all_comparisons(rows, faces.people)
    thresholds = {far: threshold_at(every.impostor, far) for far in FARS if far * every.impostor.sum() >= 1}

    def of(part: NDArray[np.bool_], counts: ScoreCounts) -> Rates:
        genuine, others, own = int(counts.genuine.sum()), int(counts.impostor.sum()), cosines[part]
        return Rates(
            *(len(own), len(np.unique(faces.people[part])), genuine, others),
            *(float(own.mean()), float(np.quantile(own, 0.01)), float(own.min())),
            tar={f"{far:.0e}": share_above(counts.genuine, at) for far, at in thresholds.items() if genuine},
            fmr={f"{far:.0e}": share_above(counts.impostor, at) for far, at in thresholds.items() if far * others >= 1},
        )

    groups = faces.groups
    named = {} if groups is None else {name: groups.codes == code for code, name in enumerate(groups.names)}
    there = {name: part for name, part in named.items() if part.any()}
    parts = {name: (part, all_comparisons(rows[part], faces.people[part])) for name, part in there.items()}
    return Checked(of(np.ones(len(rows), bool), every), {name: of(*part) for name, part in parts.items()})
