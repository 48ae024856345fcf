"""1:N identification: whom of a gallery a probe shows, if anybody. Exact, in blocks, so that memory stays bounded.

Embeddings are of unit length and scores are cosines. A gallery holds images, where an identity's score is that of its
most alike image, or one row for each identity, such as `centroids`.

In ISO/IEC 19795-1's words, with N identities enrolled: FPIR(N, T) is the share of unknown probes with a score at or
above T; FNIR(N, R, T) the share of known probes whose identity is not among the first R with such a score, so that
FNIR(N, 1, T) is 1 - TPIR and FNIR(N, R, 0) one less the rate at rank R.

A probe whose identity the gallery has is known, any other is unknown. Ties count against us: an identity or image as
alike as the right one is ranked before it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from mfn.errors import DataError
from mfn.metrics.scores import unit
from mfn.metrics.templates import sum_rows

BLOCK_CELLS = 1 << 25
"""Scores held at a time by `identify`: 128 MiB of float32, unless one row of the gallery is longer."""


@dataclass(frozen=True, slots=True)
class Identification:
    """How well probes are identified.

    Attributes:
        cmc: Share of known probes whose identity is among the k most alike, k = 1, 2, ..., float64 (K,), rising.
        ranks: The same at the ranks asked for; beyond the size of the gallery it is 1.
        tpir: Open set: share of known probes that are identified (right identity at rank 1, score at or above the
            threshold) where at most this share of unknown probes has any score there (FPIR). Only the FPIRs that
            there are enough unknown probes for.
        thresholds: The thresholds that keep to these FPIRs, as low as they can be, between two neighbouring scores.
        reached: FPIR that each of these thresholds gives; no more than what was asked for.
        map: Mean over known probes of the average precision over the gallery's images of the same identity.
        num_known: Known probes.
        num_unknown: Unknown probes.
        num_identities: Identities in the gallery.
    """

    cmc: NDArray[np.float64]
    ranks: dict[int, float]
    tpir: dict[float, float]
    thresholds: dict[float, float]
    reached: dict[float, float]
    map: float
    num_known: int
    num_unknown: int
    num_identities: int

    def numbers(self) -> dict[str, float]:
        """All but the curve, flat, for logs and files."""
        return {
            **{f"rank_{rank}": share for rank, share in self.ranks.items()},
            **{f"fnir_rank_{rank}": 1 - share for rank, share in self.ranks.items()},
            **{f"tpir_at_fpir_{fpir:.0e}": share for fpir, share in self.tpir.items()},
            **{f"fnir_at_fpir_{fpir:.0e}": 1 - share for fpir, share in self.tpir.items()},
            **{f"fpir_reached_{fpir:.0e}": share for fpir, share in self.reached.items()},
            **{f"threshold_at_fpir_{fpir:.0e}": threshold for fpir, threshold in self.thresholds.items()},
            "map": self.map,
            "known": self.num_known,
            "unknown": self.num_unknown,
        }


def centroids(embeddings: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """One embedding of each identity: the mean direction of its embeddings, each counting alike.

    Args:
        embeddings: float (N, D), of any length.
        labels: Identity of each, int (N,).

    Returns:
        Unit-length centroids, float32 (C, D), and their identities, int64 (C,), rising.
    """
    names, identity = np.unique(labels, return_inverse=True)
    sums = sum_rows(np.asarray(embeddings, np.float32), identity, len(names), unit_length=True)
    return unit(sums).astype(np.float32), names


def identify(
    probes: ArrayLike,
    probe_labels: ArrayLike,
    gallery: ArrayLike,
    gallery_labels: ArrayLike,
    ranks: Sequence[int] = (1, 5, 10),
    fpirs: Sequence[float] = (1e-2, 1e-1),
    curve: int = 100,
    *,
    by_image: bool = False,
) -> Identification:
    """Judges probes against a gallery.

    Args:
        probes: Unit length, float (Q, D).
        probe_labels: Identity of each probe, int (Q,).
        gallery: Unit length, float (G, D): images, or one row for each identity.
        gallery_labels: Identity of each row, int (G,).
        ranks: Ranks to report.
        fpirs: False positive identification rates to report TPIR at.
        curve: Ranks the CMC curve covers at most.
        by_image: Let ranks count images of the gallery, as TinyFace's protocol does, and not people: two images of one
            wrong person then are two places. Rank 1 is the same.

    Raises:
        DataError: Embeddings that are not finite or do not fit their labels, or no known probe.
    """
    asked, rows = _checked(probes, probe_labels, "probes"), _checked(gallery, gallery_labels, "gallery")
    identities, column = np.unique(gallery_labels, return_inverse=True)
    order = np.argsort(column, kind="stable")
    starts = np.searchsorted(column[order], np.arange(len(identities) + 1))
    labels = np.asarray(probe_labels)
    own = np.searchsorted(identities, labels).clip(max=len(identities) - 1)
    known = identities[own] == labels
    if not known.any():
        raise DataError("no probe shows anybody of the gallery; identification needs images of enrolled people")

    single = len(identities) == len(order)
    top, rank, precision = np.empty(len(labels)), np.empty(len(labels), np.int64), np.zeros(len(labels))
    for block, scores in _score_blocks(asked, rows[torch.from_numpy(order)]):
        best = scores if single else np.maximum.reduceat(scores, starts[:-1], axis=1)
        top[block] = best.max(axis=1)
        limit = np.take_along_axis(best, own[block, None], axis=1)
        rank[block] = np.count_nonzero((scores if by_image else best) >= limit, axis=1)
        for row, probe in enumerate(block):
            if known[probe] and not single:
                mine = scores[row, starts[own[probe]] : starts[own[probe] + 1]]
                rank[probe] -= np.count_nonzero(mine == mine.max()) - 1 if by_image else 0
                precision[probe] = _average_precision(scores[row], mine)
    if single:
        precision = 1 / rank
    places = len(order) if by_image else len(identities)
    shares = np.bincount(rank[known], minlength=places + 1).cumsum() / np.count_nonzero(known)
    thresholds = _thresholds(top, known, fpirs)
    return Identification(
        cmc=shares[1 : curve + 1],
        ranks={wanted: float(shares[min(wanted, places)]) for wanted in ranks},
        tpir={fpir: float(((rank == 1) & (top >= limit))[known].mean()) for fpir, limit in thresholds.items()},
        thresholds=thresholds,
        reached={fpir: float((top[~known] >= limit).mean()) for fpir, limit in thresholds.items()},
        map=float(precision[known].mean()),
        num_known=int(np.count_nonzero(known)),
        num_unknown=int(np.count_nonzero(~known)),
        num_identities=len(identities),
    )


def _score_blocks(probes: Tensor, gallery: Tensor) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Probes of a block, and their scores with the whole gallery, float32 (B, G)."""
    size = max(1, BLOCK_CELLS // len(gallery))
    for start in range(0, len(probes), size):
        block = np.arange(start, min(start + size, len(probes)))
        yield block, (probes[start : start + size] @ gallery.T).numpy()


def _average_precision(scores: NDArray[np.float32], relevant: NDArray[np.float32]) -> float:
    """Mean over the relevant images of the share of relevant ones among the images ranked as high."""
    mine = np.sort(relevant)
    near = np.sort(scores[scores >= mine[0]])
    as_near = len(near) - np.searchsorted(near, mine)
    mine_as_near = len(mine) - np.searchsorted(mine, mine)
    place = np.arange(len(mine), 0, -1)
    return float(np.mean(place / (place + as_near - mine_as_near)))


def _thresholds(top: NDArray[np.float64], known: NDArray[np.bool_], fpirs: Sequence[float]) -> dict[float, float]:
    """Thresholds between the first unknown probe that is one too many and the next score above it."""
    every, unknown = np.unique(top), np.sort(top[~known])[::-1]
    shares = np.arange(1, len(unknown) + 1) / max(1, len(unknown))
    found: dict[float, float] = {}
    for fpir in fpirs:
        allowed = int(np.searchsorted(shares, fpir, side="right"))
        if allowed:
            refused = unknown[min(allowed, len(unknown) - 1)]
            above = every[np.searchsorted(every, refused, side="right") :]
            found[fpir] = float((refused + above[0]) / 2 if len(above) else np.nextafter(refused, np.inf))
    return found


def _checked(embeddings: ArrayLike, labels: ArrayLike, name: str) -> Tensor:
    rows = torch.from_numpy(np.ascontiguousarray(embeddings, np.float32))
    if rows.ndim != 2 or (len(rows),) != np.shape(labels):
        raise DataError(f"{name}: embeddings {tuple(rows.shape)} need one label each, got {np.shape(labels)}")
    if not rows.isfinite().all():
        raise DataError(f"{name}: embeddings are not finite")
    return rows
