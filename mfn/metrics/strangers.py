"""One photo of a person among strangers: is another photo of the person nearer to it than all of them? As in MegaFace.

A probe is searched for in a gallery of one image of its person and N strangers, with each other image of the person in
turn. Exact, in blocks, so that memory stays bounded; a stranger as alike as the right image is ranked before it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from mfn.errors import DataError
from mfn.metrics.identification import BLOCK_CELLS, Identification


def identify_among(
    probes: ArrayLike,
    labels: ArrayLike,
    strangers: ArrayLike,
    galleries: Mapping[str, NDArray[np.integer]],
    ranks: Sequence[int] = (1, 5, 10),
    curve: int = 100,
) -> dict[str, Identification]:
    """Judges every two probes of one person, in both directions, against each gallery of strangers.

    Args:
        probes: Unit length, float (Q, D).
        labels: Person of each probe, int (Q,).
        strangers: Unit length, float (N, D).
        galleries: Which strangers are in each gallery, positions in `strangers`.
        ranks: Ranks to report.
        curve: Ranks the CMC curve covers at most.

    Returns:
        The result on each gallery. There are no unknown probes, so that it has no TPIR; the mean average precision is
        the mean of 1 / rank, and `num_known` the number of searches.

    Raises:
        DataError: No two probes show one person.
    """
    asked = torch.from_numpy(np.ascontiguousarray(probes, np.float32))
    others = torch.from_numpy(np.ascontiguousarray(strangers, np.float32))
    people = np.asarray(labels)
    found: dict[str, list[NDArray[np.int64]]] = {name: [] for name in galleries}
    size = max(1, BLOCK_CELLS // max(1, len(others)))
    for start in range(0, len(asked), size):
        block = asked[start : start + size]
        mates, scores = (block @ asked.T).numpy(), (block @ others.T).numpy()
        for row in range(len(block)):
            mine = people == people[start + row]
            mine[start + row] = False
            for name, gallery in galleries.items():
                found[name].append(_ranks(mates[row, mine], scores[row, gallery]))
    if not any(map(len, found[next(iter(galleries))])):
        raise DataError("no two probes show one person; a search needs one photo in the gallery and one to look for")
    return {name: _judged(np.concatenate(found[name]), len(galleries[name]), ranks, curve) for name in galleries}


def _ranks(mates: NDArray[np.float32], strangers: NDArray[np.float32]) -> NDArray[np.int64]:
    """The place of each mate among the strangers, counted from 1."""
    near = np.sort(strangers[strangers >= mates.min()]) if len(mates) else strangers
    return 1 + len(near) - np.searchsorted(near, mates)


def _judged(rank: NDArray[np.int64], strangers: int, ranks: Sequence[int], curve: int) -> Identification:
    shares = np.bincount(rank, minlength=strangers + 2).cumsum() / len(rank)
    return Identification(
        cmc=shares[1 : curve + 1],
        ranks={wanted: float(shares[min(wanted, strangers + 1)]) for wanted in ranks},
        tpir={},
        thresholds={},
        reached={},
        map=float((1 / rank).mean()),
        num_known=len(rank),
        num_unknown=0,
        num_identities=strangers + 1,
    )
