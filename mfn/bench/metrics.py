"""Time of a verification set's metrics, beside the usual way to compute them."""

from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfn.bench.timing import alternating_times, median_ratio
from mfn.metrics.insightface import ACCURACY_GRID, VAL_GRID, grid_accuracy, val_at_far
from mfn.metrics.verification import best_threshold, kfold_accuracy, roc

FOLDS, FARS = 10, (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
ACCURACY, LOOP = "mfn kfold_accuracy, all thresholds", "loop, 400 thresholds x 10 folds"
ALL_METRICS, LOOP_VAL = "mfn, all metrics", "loops, 400 (accuracy) and 4,000 (VAL) thresholds x 10 folds"

Array = NDArray[Any]


def bench_metrics(pairs: int = 6_000, rounds: int = 5, threads: int = 2) -> list[dict[str, Any]]:
    """Compares our metrics with plain loops, on the CPU with made-up numbers.

    "All metrics" are k-fold accuracy over all thresholds and over InsightFace's grid, VAL, the ROC with its area, EER
    and TAR at six FARs, and the best threshold. The loops are those of InsightFace's ``verification.py``, written from
    the definition: they judge all pairs anew at each threshold.

    Args:
        pairs: Pairs of the verification set.
        rounds: Timed runs of each contender, after one that is not timed.
        threads: Threads that PyTorch may use.

    Returns:
        A row for each contender: the task, its name, milliseconds (median), and how many times as long as ours it
        takes (median over the rounds).
    """
    random = np.random.default_rng(0)
    same = np.arange(pairs) // max(1, pairs // (2 * FOLDS)) % 2 == 0
    scores = np.clip(random.normal(0.0, 0.1, pairs) + 0.5 * same, -1, 1)
    accuracy = {ACCURACY: lambda: kfold_accuracy(scores, same, FOLDS), LOOP: lambda: loop_accuracy(scores, same)}
    every = {
        ALL_METRICS: lambda: verification_metrics(scores, same),
        LOOP_VAL: lambda: (loop_accuracy(scores, same), loop_val(scores, same)),
    }
    return [
        *_rows(f"accuracy of {pairs:,} pairs", accuracy, rounds, threads),
        *_rows(f"metrics of {pairs:,} pairs", every, rounds, threads),
    ]


def verification_metrics(scores: Array, same: Array) -> dict[str, float]:
    """All metrics of one set."""
    curve = roc(scores, same)
    exact, grid, val = (metric(scores, same, FOLDS) for metric in (kfold_accuracy, grid_accuracy, val_at_far))
    return {
        "accuracy": exact.mean,
        "grid_accuracy": grid.mean,
        "val": val.mean,
        "area": curve.area,
        "eer": curve.eer,
        "best_threshold": best_threshold(scores, same)[0],
        **{f"tar_at_far_{far:.0e}": curve.at_far(far).tar for far in FARS},
    }


def loop_accuracy(scores: Array, same: Array) -> float:
    """k-fold accuracy and the curve of every fold, a threshold at a time."""
    distance, accuracies = 2 - 2 * scores, []
    for train, test in _folds(len(scores)):
        found = [_accuracy(_counts(distance[train], same[train], limit)) for limit in ACCURACY_GRID]
        curve = [_counts(distance[test], same[test], limit) for limit in ACCURACY_GRID]
        accuracies.append(_accuracy(curve[int(np.argmax(found))]))
    return float(np.mean(accuracies))


def loop_val(scores: Array, same: Array, far: float = 1e-3) -> float:
    """VAL, a threshold at a time."""
    distance, vals = 2 - 2 * scores, []
    for train, test in _folds(len(scores)):
        impostors = np.count_nonzero(~same[train])
        rates = [_counts(distance[train], same[train], limit)[1] / impostors for limit in VAL_GRID]
        limit = np.interp(far, rates, VAL_GRID) if max(rates) >= far else 0
        vals.append(np.mean(distance[test][same[test]] < limit))
    return float(np.mean(vals))


def _folds(pairs: int) -> list[tuple[Array, Array]]:
    every = np.arange(pairs)
    return [(np.setdiff1d(every, test), test) for test in np.array_split(every, FOLDS)]


def _counts(distance: Array, same: Array, limit: float) -> tuple[int, ...]:
    """True accepts, false accepts, true rejects, false rejects."""
    accepted = distance < limit
    kinds = (accepted & same, accepted & ~same, ~accepted & ~same, ~accepted & same)
    return tuple(int(np.count_nonzero(kind)) for kind in kinds)


def _accuracy(counts: tuple[int, ...]) -> float:
    return (counts[0] + counts[2]) / sum(counts)


def _rows(task: str, steps: dict[str, Any], rounds: int, threads: int) -> list[dict[str, Any]]:
    times = alternating_times(steps, rounds, threads)
    ours = next(iter(times.values()))
    return [
        {
            "task": task,
            "contender": name,
            "ms": median(mine),
            "times_ours": median_ratio(mine, ours),
        }
        for name, mine in times.items()
    ]
