"""The head's benchmark at a size that takes no time; no claim about speed."""

import sys

import pytest

from mfn.bench import head
from mfn.bench import head as bench
from mfn.bench.head import bench_head, growth
from mfn.errors import ConfigError


@pytest.fixture
def without_pml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "find_spec", lambda name: None)


def test_rows_compare_ours_with_the_others(without_pml: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "_in_fresh_process", lambda function, *arguments: 40.0)
    rows = bench_head([50, 90], [1.0, 0.2], batch=4, dim=8, rounds=2, threads=1)
    *told, missing = rows
    assert [row["classes"] for row in told] == 5 * [50] + 5 * [90]
    ours, sampled, *others = told[:5]
    assert ours["our_time_share"] == 1 and sampled["in_a_step"] == 10 + 4
    assert len(others) == 3
    assert len(growth(rows).axes[0].lines) == 4  # ours, and three others
    assert all(row["step_ms"] > 0 and row["our_time_share"] > 0 for row in others)
    assert all(row["our_memory_share"] == 1 for row in others)
    assert "not installed" in missing["note"]


def test_a_heads_row_says_which_path_it_takes(without_pml: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "_in_fresh_process", lambda function, *arguments: 40.0)
    names = ["adaface", "cosface", "curricularface", "mv_arc", "subcentre_arcface", "softmax_then_arcface"]
    rows = {row["contender"]: row for row in bench_head([50], [1.0], 4, 8, rounds=1, threads=1, heads=names)}
    paths = {name: rows[f"head={name}"]["path"] for name in names}
    assert paths["adaface"] == paths["cosface"] == rows[bench.OURS]["path"] == "fused"
    assert {paths[name] for name in names[2:5]} == {"plain"}
    assert all(rows[f"head={name}"]["step_ms"] > 0 for name in names)


def test_an_unknown_head_is_told(without_pml: None) -> None:
    with pytest.raises(ConfigError, match="arcfase"):
        bench_head([50], [1.0], 4, 8, heads=["arcfase"])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_peak_memory_holds_the_gradient_of_the_centres_and_their_momentum() -> None:
    peak = bench._in_fresh_process(bench._peak_megabytes, bench.OURS, (40_000, 8, 256), 1)
    gradient = 40_000 * 256 * 4 / 1e6
    assert peak is not None
    assert 2 * gradient < peak < 3.5 * gradient  # and what weight decay makes of it
    sampled = bench._in_fresh_process(bench._peak_megabytes, f"{bench.OURS}, sample_rate=0.01", (40_000, 8, 256), 1)
    assert sampled is not None and gradient < sampled < 1.3 * gradient  # the momentum of all, and little else


def test_what_no_memory_holds_is_refused_before_it_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "free_bytes", lambda device: 10**6)
    with pytest.raises(ConfigError, match=r"--classes 90000 needs .* 0\.0 GB are free: give fewer"):
        bench_head([50, 90_000], [1.0, 0.2], batch=4, dim=8, rounds=1, threads=1)
