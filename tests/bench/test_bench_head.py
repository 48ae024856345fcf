"""The head's benchmark at a size that takes no time; no claim about speed."""

import sys

import pytest

from mfn.bench import head as bench
from mfn.bench.head import bench_head


@pytest.fixture
def without_pml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "find_spec", lambda name: None)


def test_rows_compare_ours_with_the_others(without_pml: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "_in_fresh_process", lambda function, *arguments: 40.0)
    rows = bench_head(num_classes=50, batch=4, dim=8, rounds=2, threads=1)
    ours, *others, missing = rows
    assert ours["our_time_share"] == 1
    assert len(others) == 2
    assert all(row["step_ms"] > 0 and row["our_time_share"] > 0 for row in others)
    assert all(row["our_memory_share"] == 1 for row in others)
    assert "not installed" in missing["note"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_peak_memory_holds_the_gradient_of_the_centres() -> None:
    peak = bench._in_fresh_process(bench._peak_megabytes, bench.OURS, (40_000, 8, 256), 1)
    gradient = 40_000 * 256 * 4 / 1e6
    assert peak is not None
    assert gradient < peak < 2 * gradient
