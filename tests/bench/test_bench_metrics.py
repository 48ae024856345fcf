"""The metrics' benchmark at a size that takes no time; no claim about speed."""

import numpy as np
import pytest

from mfn.bench import metrics as bench
from mfn.bench.metrics import bench_metrics, loop_accuracy, loop_val, verification_metrics
from mfn.metrics.scores import unit
from mfn.metrics.search import search

SMALL = {"pairs": 40, "gallery_rows": 50, "dim": 8, "probes": 3, "rounds": 2, "threads": 1}


def test_rows_compare_ours_with_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "find_spec", lambda name: None)
    *rows, missing = bench_metrics(**SMALL)
    assert [row["times_ours"] == 1 for row in rows] == [True, False, True, False, True]
    assert all(row["ms"] > 0 and row["times_ours"] > 0 for row in rows)
    assert "not installed" in missing["note"]


def test_loops_compute_the_same_numbers() -> None:
    same = np.arange(600) // 30 % 2 == 0
    scores = np.random.default_rng(0).normal(0.0, 0.2, 600) + 0.5 * same
    ours = verification_metrics(scores, same)
    assert loop_accuracy(scores, same) == pytest.approx(ours["grid_accuracy"])
    assert loop_val(scores, same) == pytest.approx(ours["val"])


def test_faiss_is_searched_for_the_same_rows() -> None:
    faiss = pytest.importorskip("faiss")
    random = np.random.default_rng(0)
    gallery, probes = (unit(random.standard_normal((count, 8), np.float32)) for count in (500, 20))
    index = faiss.IndexFlatIP(8)
    index.add(gallery)
    assert (index.search(probes, 10)[1] == search(probes, gallery, 10)[1]).all()
    assert bench_metrics(**SMALL)[-1]["ms"] > 0
