"""The metrics' benchmark at a size that takes no time; no claim about speed."""

import numpy as np
import pytest

from mfn.bench.metrics import bench_metrics, loop_accuracy, loop_val, verification_metrics


def test_rows_compare_ours_with_the_others() -> None:
    rows = bench_metrics(pairs=40, rounds=2, threads=1)
    assert [row["times_ours"] == 1 for row in rows] == [True, False, True, False]
    assert all(row["ms"] > 0 and row["times_ours"] > 0 for row in rows)


def test_loops_compute_the_same_numbers() -> None:
    same = np.arange(600) // 30 % 2 == 0
    scores = np.random.default_rng(0).normal(0.0, 0.2, 600) + 0.5 * same
    ours = verification_metrics(scores, same)
    assert loop_accuracy(scores, same) == pytest.approx(ours["grid_accuracy"])
    assert loop_val(scores, same) == pytest.approx(ours["val"])
