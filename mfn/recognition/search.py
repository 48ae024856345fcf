"""The nearest people of many, exactly."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_CELLS = 1 << 25
"""Scores held at a time, 128 MiB, unless one query's are more."""
_STRIP = 4096
"""Vectors worked on at a time: they stay in the cache for all queries."""
_FEW = 4
"""So many queries are faster as dot products: what a BLAS calls matrix by vector reads memory at half the speed, or
worse."""
_TILE = 256
_PER_PERSON = 4
"""Rows looked at for each person asked for, at first."""


def top_groups(
    queries: NDArray[np.float32], vectors: NDArray[np.float32], owner: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The k best owners of each query, each by the best of their vectors; of equal ones, any.

    Args:
        queries: Unit length, (Q, D).
        vectors: Unit length, (N, D).
        owner: Whose each is, int (N,).
        k: How many; as many as there are where there are fewer.

    Returns:
        Cosines, float32 (Q, k), falling, and the owners, int64 (Q, k).
    """
    size = max(1, _CELLS // max(1, len(vectors)))
    found = [
        _best_owners(scores, len(vectors), owner, k)
        for start in range(0, len(queries), size)
        for scores in _cosines(queries[start : start + size], vectors)
    ]
    if not found:
        width = min(k, len(np.unique(owner)))
        return np.empty((0, width), np.float32), np.empty((0, width), np.int64)
    return np.stack([scores for scores, _ in found]), np.stack([owners for _, owners in found])


def first_of_each(
    scores: NDArray[np.float32], owners: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The first k different owners of scores that fall, each with the first of their scores."""
    found, first = np.unique(owners, return_index=True)
    order = np.argsort(first)[:k]
    return scores[first[order]], found[order]


def _best_owners(
    scores: Tensor, number: int, owner: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The best owners of one query; more rows are looked at until they show k different ones."""
    rows = _PER_PERSON * k
    while True:
        values, places = _largest(scores, min(rows, number))
        best, owners = first_of_each(values.numpy(), owner[places.numpy()], k)
        if len(owners) == k or rows >= number:
            return best, owners
        rows *= 8


def _cosines(queries: NDArray[np.float32], vectors: NDArray[np.float32]) -> Tensor:
    """All cosines, float32 (Q, N and up to a whole number of tiles); those of nobody are -inf."""
    number = len(vectors)
    scores = np.empty((len(queries), -(-number // _TILE) * _TILE), np.float32)
    scores[:, number:] = -np.inf
    strips = [slice(start, min(start + _STRIP, number)) for start in range(0, number, _STRIP)]
    if len(queries) > _FEW:
        rows, columns, out = torch.from_numpy(queries), torch.from_numpy(vectors).T, torch.from_numpy(scores)
        for strip in strips:
            torch.mm(rows, columns[:, strip], out=out[:, strip])
        return out

    def dots(part: list[slice]) -> None:
        for strip in part:
            np.vecdot(vectors[strip], queries[:, None], out=scores[:, strip])

    threads = min(torch.get_num_threads(), len(strips) // 8)
    if threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(dots, (strips[first::threads] for first in range(threads))))
    else:
        dots(strips)
    return torch.from_numpy(scores)


def _largest(scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The largest numbers, falling, and where they are: in the tiles that have the largest maxima."""
    tiles = scores.view(-1, _TILE)
    if count >= len(tiles):
        top = scores.topk(count)
        return top.values, top.indices
    which = tiles.amax(dim=1).topk(count).indices
    top = tiles[which].flatten().topk(count)
    return top.values, which[top.indices // _TILE] * _TILE + top.indices % _TILE
