"""The nearest people of millions, nearly always: a graph of usearch finds candidates, whose scores are then computed.

The graph lies in a file beside the gallery, memory-mapped, behind a head that tells whose it is, whether it is whole,
and which vectors it holds. It knows vectors by their content and not whose they are: whoever is renamed or removed is
so at once. Its vectors are rounded (bfloat16), and say whom they show all the same: only the owner may read the file
(mode 0600), and the gallery drops it with anybody whom it removes.
"""

import hashlib
import logging
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mfn.about import optional
from mfn.errors import ConfigError
from mfn.files.mapped import mapped
from mfn.files.ownership import refuse_to_replace, writing
from mfn.progress import counting
from mfn.recognition.search import first_of_each, top_groups

log = logging.getLogger(__name__)

SEARCHES = ("exact", "approximate", "auto")
MANY = 1_000_000
"""Vectors up to which all are looked at unless told otherwise."""
_HEAD = struct.Struct("<8sIQ16s28x")
"""Magic, checksum and length of the graph, digest of what it holds; 64 bytes."""
_MAGIC = b"mfnnear1"
_CANDIDATES = 256
"""Rows looked at for a query, at least: as many as the graph's search keeps, so fewer would save nothing."""
_PER_PERSON = 4
_BLOCK = 1 << 14
_NEW = os.O_CREAT | os.O_TRUNC | os.O_WRONLY


class Approximate:
    """Vectors with their graph.

    Args:
        graph: usearch's.
        keys: See `_keys`, uint64 (N,).
        vectors: Unit length, float32 (N, D).
        owner: Whose each is, int64 (N,).
    """

    def __init__(
        self, graph: Any, keys: NDArray[np.uint64], vectors: NDArray[np.float32], owner: NDArray[np.int64]
    ) -> None:
        self._graph, self._vectors, self._owner = graph, vectors, owner
        self._rows = np.argsort(keys, kind="stable")
        self._keys = keys[self._rows]

    def top_groups(self, queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """What `mfn.recognition.search.top_groups` gives; now and then an owner is missed, and never is a score wrong.

        Args:
            queries: Unit length, (Q, D).
            k: How many; as many as there are where there are fewer.
        """
        found = [self._of_one(query, k) for query in queries]
        if not found:
            return top_groups(queries, self._vectors, self._owner, k)
        return np.stack([scores for scores, _ in found]), np.stack([owners for _, owners in found])

    def _of_one(self, query: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        count = max(_CANDIDATES, _PER_PERSON * k)
        while count <= len(self._graph) // 8:
            rows = self._rows_of(self._graph.search(query, count, threads=1).keys)
            scores = np.vecdot(self._vectors[rows], query)
            order = np.argsort(-scores)
            best, owners = first_of_each(scores[order], self._owner[rows[order]], k)
            if len(owners) == k:
                return best, owners
            count *= 4
        scores, owners = top_groups(query[None], self._vectors, self._owner, k)  # of few, all are looked at
        return scores[0], owners[0]

    def _rows_of(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """All rows with these vectors."""
        first, end = (np.searchsorted(self._keys, keys, side) for side in ("left", "right"))
        return self._rows[np.concatenate([np.arange(*pair) for pair in zip(first, end, strict=True)])]


def index_file(gallery: Path, by: str) -> Path:
    """Where the graph of a gallery lies, of its images or of another way to compare."""
    return gallery.with_name(gallery.name + (".usearch" if by == "image" else f".{by}.usearch"))


def opened(path: Path, vectors: NDArray[np.float32], owner: NDArray[np.int64]) -> Approximate | None:
    """The graph of these very vectors; None where there is none, or one that is damaged or of other vectors.

    Args:
        path: The file.
        vectors: Unit length, (N, D).
        owner: Whose each is, int64 (N,).

    Raises:
        ConfigError: usearch is not installed.
    """
    _usearch()
    if (kept := _kept(path)) is None:
        return None
    payload, digest = kept
    keys = _keys(vectors)
    graph = _restored(payload, view=True) if digest == _digest(keys) else None
    return None if graph is None else Approximate(graph, keys, vectors, owner)


def built(path: Path, vectors: NDArray[np.float32], owner: NDArray[np.int64]) -> Approximate:
    """Makes the graph, tells how far it is, and writes it; where one lacks only some of the vectors, adds these.

    Args:
        path: The file.
        vectors: Unit length, (N, D).
        owner: Whose each is, int64 (N,).

    Raises:
        ConfigError: usearch is not installed.
        DataError: There is a file that mfn did not make, or none can be written.
    """
    usearch = _usearch()
    refuse_to_replace(path, is_ours, "move that file away first")
    keys = _keys(vectors)
    distinct, rows = np.unique(keys, return_index=True)
    graph, lacking = _to_extend(path, distinct)
    if graph is None:
        graph = usearch.Index(ndim=vectors.shape[1], metric="ip", dtype="bf16")
    with counting(int(lacking.sum()), "vectors", path.name) as count:
        for start in range(0, int(lacking.sum()), _BLOCK):
            block = rows[lacking][start : start + _BLOCK]
            graph.add(keys[block], vectors[block], threads=torch.get_num_threads())
            count(len(block))
    payload = graph.save()
    with writing(path, is_ours) as temporary, os.fdopen(os.open(temporary, _NEW, 0o600), "wb") as file:
        file.write(_HEAD.pack(_MAGIC, zlib.crc32(payload), len(payload), _digest(keys)))
        file.write(payload)
    graph.expansion_search = _CANDIDATES
    return Approximate(graph, keys, vectors, owner)


def chosen(search: str, path: Path, vectors: NDArray[np.float32], owner: NDArray[np.int64]) -> Approximate | None:
    """What to search with, None for all vectors one by one.

    Args:
        search: One of `SEARCHES`: ``"exact"``; ``"approximate"``, where the graph is made if need be; or ``"auto"``,
            approximate above `MANY` vectors where there is a graph of them.
        path: Of the graph.
        vectors: Unit length, (N, D).
        owner: Whose each is, int64 (N,).

    Raises:
        ConfigError: There is no such search, or usearch is not installed.
        DataError: The graph cannot be written.
    """
    if search not in SEARCHES:
        raise ConfigError(f"search must be one of {', '.join(SEARCHES)}, got {search!r}")
    if search == "approximate":
        return opened(path, vectors, owner) or built(path, vectors, owner)
    if search == "exact" or len(vectors) <= MANY:
        return None
    try:
        graph = opened(path, vectors, owner)
    except ConfigError as error:
        log.warning("all %d vectors are searched one by one: %s", len(vectors), error)
        return None
    if graph is None:
        log.warning(
            "all %d vectors are searched one by one: %s is not there or not up to date, search=approximate makes it",
            *(len(vectors), path),
        )
    return graph


def discard(gallery: Path) -> None:
    """Removes the graphs of a gallery, which hold whom it no longer does."""
    for path in (index_file(gallery, by) for by in ("image", "centroid")):
        if is_ours(path):
            path.unlink(missing_ok=True)  # not overwritten: another process may be searching it


def is_ours(path: Path) -> bool:
    """Whether mfn made a file, whole or not."""
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def _usearch() -> Any:
    return optional(
        *("usearch.index", "approximate search needs usearch", "search", ConfigError), ", or search=exact does without"
    )


def _kept(path: Path) -> tuple[memoryview, bytes] | None:
    """The graph in a file and the digest of what it holds; None where it is not whole."""
    if not is_ours(path):
        return None
    content = mapped(path)
    if len(content) < _HEAD.size:
        return None
    _, checksum, length, digest = _HEAD.unpack(content[: _HEAD.size])
    payload = content[_HEAD.size :]
    return (payload, digest) if len(payload) == length and zlib.crc32(payload) == checksum else None


def _restored(payload: memoryview, *, view: bool) -> Any:
    """The graph of usearch; None where this version cannot read it."""
    try:
        graph = _usearch().Index.restore(payload, view=view)
    except (RuntimeError, ValueError):
        return None
    if graph is not None:
        graph.expansion_search = _CANDIDATES
        graph.payload = payload  # the view of it does not keep it
    return graph


def _to_extend(path: Path, distinct: NDArray[np.uint64]) -> tuple[Any, NDArray[np.bool_]]:
    """A graph of some of these vectors, and no others, and which of them it lacks."""
    kept = _kept(path)
    graph = None if kept is None else _restored(kept[0], view=False)
    there = np.empty(0, np.uint64) if graph is None else graph.keys[:]
    if not np.isin(there, distinct).all():
        return None, np.ones(len(distinct), np.bool_)
    return graph, ~np.isin(distinct, there)


def _keys(vectors: NDArray[np.float32]) -> NDArray[np.uint64]:
    """A number below 2**63 for each vector, the same for the same ones: a sum of its bits with random weights."""
    weights = np.random.default_rng(0).integers(0, 1 << 64, vectors.shape[1], np.uint64) | np.uint64(1)
    keys = np.empty(len(vectors), np.uint64)
    for start in range(0, len(vectors), _BLOCK):
        bits = np.ascontiguousarray(vectors[start : start + _BLOCK], np.float32).view(np.uint32)
        keys[start : start + _BLOCK] = (bits * weights).sum(axis=1) >> np.uint64(1)
    return keys


def _digest(keys: NDArray[np.uint64]) -> bytes:
    return hashlib.blake2b(np.unique(keys).tobytes(), digest_size=16).digest()
