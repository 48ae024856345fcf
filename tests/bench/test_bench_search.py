"""The search benchmark at a size that takes no time; no claim about speed."""

from pathlib import Path

import numpy as np
import pytest

from mfn.bench import search
from mfn.bench.search import APPROXIMATE, EXACT, FAISS, PRODUCTS, READING, bench_search, made_people
from mfn.commands import bench
from mfn.files.ownership import json_at


def test_rows_compare_ours_with_faiss_and_the_limit() -> None:
    pytest.importorskip("faiss")
    rows = bench_search([400, 2000], dim=16, threads=1, rounds=2, approximate=False)
    assert [(row["vectors"], row["queries"], row["contender"]) for row in rows] == [
        (size, queries, name)
        for size in (400, 2000)
        for queries, limit in ((1, READING), (32, PRODUCTS))
        for name in (EXACT, FAISS, limit)
    ]
    for row in rows:
        assert row["ms_per_query"] > 0 and row["times_ours"] > 0 and row["share_of_limit"] > 0
        assert not row["simulated"]
        if row["contender"] in (EXACT, FAISS):
            assert (row["recall_1"], row["recall_10"]) == (1, pytest.approx(1, abs=1e-3))
            assert row["megabytes"] == pytest.approx(row["vectors"] * (16 * 4 + 8) / 1e6)


def test_the_approximate_search_takes_part() -> None:
    pytest.importorskip("usearch")
    rows = bench_search([3000], dim=16, threads=1, rounds=1)
    (row,) = [row for row in rows if row["contender"] == APPROXIMATE and row["queries"] == 1]
    assert row["recall_1"] > 0.9 and row["build_s"] > 0 and row["megabytes"] > 3000 * 72 / 1e6


def test_blocks_find_what_the_whole_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "BLOCK", 400)
    rows = bench_search([1000], dim=16, threads=1, rounds=1)
    assert all(row["simulated"] and row["contender"] != APPROXIMATE for row in rows)
    assert rows[0]["recall_10"] == pytest.approx(1, abs=1e-3)
    assert rows[0]["megabytes"] == pytest.approx(1000 * 72 / 1e6)


def test_people_are_around_centres_of_their_own_and_the_same_each_time() -> None:
    vectors, owner, queries = made_people(1000, 128, (0, 0), first=5)
    again = made_people(1000, 128, (0, 0))[0]
    np.testing.assert_array_equal(vectors, again)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert owner[0] == 5 and len(np.unique(owner)) == 250 and queries.shape == (250, 128)
    genuine = np.sum(queries * vectors[::4], axis=1)
    assert 0.5 < genuine.mean() < 0.7 and abs(np.mean(queries @ vectors[4:8].T)) < 0.1


@pytest.mark.parametrize("size", [1, 3, 41])
def test_fewer_people_than_are_asked_for(size: int) -> None:
    assert bench_search([size], dim=8, threads=1, rounds=1, approximate=False)[0]["recall_10"] == 1


def test_from_the_command_line(tmp_path: Path) -> None:
    bench.main(["search", "--sizes", "50,1e2", "--dim", "8", "--threads", "1", "--json", str(tmp_path / "rows.json")])
    assert {row["vectors"] for row in json_at(tmp_path / "rows.json")} == {50, 100}


@pytest.mark.parametrize("sizes", ["", "0", "many", "10,-1", "inf", "nan"])
def test_sizes_that_are_none(sizes: str) -> None:
    with pytest.raises(SystemExit):
        bench.main(["search", "--sizes", sizes])
