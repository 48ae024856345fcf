"""How fast people are found among many, beside faiss and the limit, on made-up people."""

import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mfn.bench.timing import alternating_times, median_ratio
from mfn.metrics.scores import unit
from mfn.recognition.approximate import built, opened
from mfn.recognition.search import first_of_each, top_groups

EXACT, APPROXIMATE, FAISS = "mfn exact", "mfn approximate", "faiss IndexFlatIP"
READING, PRODUCTS = "reading the vectors alone", "the matrix product alone"
IMAGES, SPREAD = 4, 0.8
"""Images a person, and how far they lie from the person's centre: two of one person have a cosine of about 0.61."""
BLOCK = 1_000_000
"""Vectors in memory at a time; of more, blocks are made and searched one behind the other, and times added up."""
_TOP, _BATCH, _ONES, _ASKED = 10, 32, 8, 256
_STRIP = 4096

Found = tuple[NDArray[np.float32], NDArray[np.int64]]
Search = Callable[[NDArray[np.float32]], Found]


def bench_search(
    sizes: Sequence[int] = (10_000, 100_000, 1_000_000),
    dim: int = 128,
    threads: int = 2,
    rounds: int = 5,
    approximate: bool = True,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Measures the search for the ten best people on the CPU, for one query at a time and for 32 at once.

    Everybody has four images, random around a centre of their own; queries are other images of some of them. All
    contenders take turns on the same vectors, so that whatever else the machine does weighs on all alike.

    Args:
        sizes: Numbers of vectors.
        dim: Numbers in a vector.
        threads: Threads that each may use; faiss uses one for one query, and so does our approximate search.
        rounds: Timed turns, after one that is not timed.
        approximate: Also make and search the graph, which takes minutes for a million; never above `BLOCK`.
        seed: Of the people.

    Returns:
        A row for each size, number of queries and contender: milliseconds a query (median over the rounds); how many
        times as long as ours, exact, it takes, and which share of the limit's speed it reaches (medians over the
        rounds; the limit is reading the vectors once for one query, and the matrix product for many); of 256 queries
        (32 where blocks are searched), how many find the best person first (``recall_1``), and how much of the ten
        best people (``recall_10``, both against float64); megabytes (10^6 bytes) that it holds; seconds to build it;
        and whether the size was simulated by blocks.
    """
    torch.set_num_threads(threads)
    return [row for size in sizes for row in _of_size(size, dim, threads, rounds, approximate and size <= BLOCK, seed)]


def made_people(number: int, dim: int, seed: Sequence[int], first: int = 0) -> tuple[NDArray[np.float32], Any, Any]:
    """Vectors, whose they are, and queries.

    Args:
        number: Vectors.
        dim: Numbers in each.
        seed: Of the random numbers.
        first: The first person's number.

    Returns:
        Unit vectors, float32 (N, D), their owners, int64 (N,), and further images of the first people, float32
        (Q, D), 256 unless there are fewer people.
    """
    random = np.random.default_rng(seed)
    centres = unit(random.standard_normal((-(-number // IMAGES), dim), dtype=np.float32))

    def images(people: NDArray[np.int64]) -> NDArray[np.float32]:
        noise = random.standard_normal((len(people), dim), dtype=np.float32)
        return unit((centres[people] + SPREAD * unit(noise)).astype(np.float32, copy=False))

    people = np.arange(number) // IMAGES
    return images(people), people + first, images(np.arange(min(_ASKED, len(centres))))


def _of_size(size: int, dim: int, threads: int, rounds: int, approximate: bool, seed: int) -> list[dict[str, Any]]:
    asked = made_people(min(size, BLOCK), dim, (seed, 0))[2][: _ASKED if size <= BLOCK else _BATCH]
    ones, batch = asked[:_ONES], asked[:_BATCH]
    times: dict[int, dict[str, list[list[float]]]] = {1: {}, len(batch): {}}
    found: dict[str, list[Found]] = {}
    built_in: dict[str, float] = {}
    held: dict[str, float] = {}
    for number, start in enumerate(range(0, size, BLOCK)):
        vectors, owner, _ = made_people(min(BLOCK, size - start), dim, (seed, number), start)
        with tempfile.TemporaryDirectory() as folder:
            searches = _searches(vectors, owner, threads, Path(folder) if approximate else None)
            for name, (search, seconds, megabytes) in searches.items():
                built_in[name] = built_in.get(name, 0) + seconds
                held[name] = held.get(name, 0) + megabytes
                found.setdefault(name, []).append(search(asked))
            found.setdefault("", []).append(_brute_force(asked, vectors, owner))
            each = {name: _in_turn(search, ones) for name, (search, _, _) in searches.items()}
            whole = {name: _at_once(search, batch) for name, (search, _, _) in searches.items()}
            for queries, steps, count in (
                (1, each | {READING: _reading(vectors, len(ones))}, len(ones)),
                (len(batch), whole | {PRODUCTS: _products(vectors, batch)}, len(batch)),
            ):
                for name, mine in alternating_times(steps, rounds, threads).items():
                    times[queries].setdefault(name, []).append([spent / count for spent in mine])
    truth = _merged(found.pop(""))[1]
    recalls = {name: _recall(_merged(parts)[1], truth) for name, parts in found.items()}
    rows = []
    for queries, of_contenders in times.items():
        mine = {
            name: [float(sum(turn)) for turn in zip(*blocks, strict=True)] for name, blocks in of_contenders.items()
        }
        limit = mine[READING if queries == 1 else PRODUCTS]
        rows += [
            {
                "vectors": size,
                "queries": queries,
                "contender": name,
                "ms_per_query": median(spent),
                "times_ours": median_ratio(spent, mine[EXACT]),
                "share_of_limit": median_ratio(limit, spent),
                "recall_1": recalls.get(name, (None, None))[0],
                "recall_10": recalls.get(name, (None, None))[1],
                "megabytes": held.get(name),
                "build_s": built_in.get(name),
                "simulated": size > BLOCK,
            }
            for name, spent in mine.items()
        ]
    return rows


def _searches(
    vectors: NDArray[np.float32], owner: NDArray[np.int64], threads: int, folder: Path | None
) -> dict[str, tuple[Search, float, float]]:
    """Contenders, the seconds it took to build them, and the megabytes they hold."""
    own = (vectors.nbytes + owner.nbytes) / 1e6
    searches: dict[str, tuple[Search, float, float]] = {
        EXACT: (lambda queries: top_groups(queries, vectors, owner, _TOP), 0.0, own)
    }
    if folder is not None and find_spec("usearch"):
        file, start = folder / "people.usearch", time.perf_counter()
        built(file, vectors, owner)
        seconds, graph = time.perf_counter() - start, opened(file, vectors, owner)
        assert graph is not None
        megabytes = own + file.stat().st_size / 1e6
        searches[APPROXIMATE] = (lambda queries: graph.top_groups(queries, _TOP), seconds, megabytes)
    if find_spec("faiss"):
        logging.getLogger("faiss").setLevel(logging.WARNING)  # it tells how it is loaded
        import faiss

        faiss.omp_set_num_threads(threads)
        start = time.perf_counter()
        flat = faiss.IndexFlatIP(vectors.shape[1])
        flat.add(vectors)
        searches[FAISS] = (lambda queries: _people(flat, queries, owner), time.perf_counter() - start, own)
    return searches


def _people(flat: Any, queries: NDArray[np.float32], owner: NDArray[np.int64]) -> Found:
    """People by a search that knows only rows: so many that there must be ten."""
    scores, rows = flat.search(queries, min(len(owner), IMAGES * _TOP))
    found = [first_of_each(*each, _TOP) for each in zip(scores, owner[rows], strict=True)]
    return np.stack([best for best, _ in found]), np.stack([owners for _, owners in found])


def _brute_force(queries: NDArray[np.float32], vectors: NDArray[np.float32], owner: NDArray[np.int64]) -> Found:
    """The ten best people in float64."""
    best = []
    for start in range(0, len(vectors), IMAGES * _STRIP):
        strip = vectors[start : start + IMAGES * _STRIP].astype(np.float64)
        best.append(np.maximum.reduceat(queries.astype(np.float64) @ strip.T, np.arange(0, len(strip), IMAGES), 1))
    scores = np.concatenate(best, axis=1)
    order = np.argsort(-scores, axis=1)[:, :_TOP]
    return np.take_along_axis(scores, order, 1).astype(np.float32), owner[::IMAGES][order]


def _merged(parts: Sequence[Found]) -> Found:
    scores, owners = (np.concatenate(each, axis=1) for each in zip(*parts, strict=True))
    order = np.argsort(-scores, axis=1, kind="stable")[:, :_TOP]
    return np.take_along_axis(scores, order, 1), np.take_along_axis(owners, order, 1)


def _recall(found: NDArray[np.int64], truth: NDArray[np.int64]) -> tuple[float, float]:
    shares = [len(set(mine) & set(best)) / len(best) for mine, best in zip(found.tolist(), truth.tolist(), strict=True)]
    return float(np.mean(found[:, 0] == truth[:, 0])), float(np.mean(shares))


def _in_turn(search: Search, queries: NDArray[np.float32]) -> Callable[[], object]:
    return lambda: [search(query[None]) for query in queries]


def _at_once(search: Search, queries: NDArray[np.float32]) -> Callable[[], object]:
    return lambda: search(queries)


def _reading(vectors: NDArray[np.float32], times: int) -> Callable[[], object]:
    """Adds all numbers up, so many times."""
    everything = torch.from_numpy(vectors)
    return lambda: [everything.sum() for _ in range(times)]


def _products(vectors: NDArray[np.float32], queries: NDArray[np.float32]) -> Callable[[], object]:
    """All cosines, strip by strip, each forgotten at once."""
    strips, rows = torch.from_numpy(vectors).T.split(_STRIP, dim=1), torch.from_numpy(queries)
    return lambda: [torch.mm(rows, strip) for strip in strips]
