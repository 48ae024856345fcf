"""The table at the end of a sweep."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from mfn.report.sweep import SweepSummary, differing, read_summaries, sweep_rows


def write_job(sweep: Path, number: int, overrides: list[str], **summary: Any) -> None:
    done = {"metric": "val/held_out/accuracy", "mode": "max", "steps": 10, "seconds": 3.2, "checkpoint": "best.ckpt"}
    (sweep / str(number)).mkdir()
    (sweep / str(number) / "summary.json").write_text(json.dumps(done | {"overrides": overrides} | summary))


def summarised(sweep: Path) -> list[dict[str, str]]:
    """The rows of ``sweep.csv`` once the sweep has ended."""
    SweepSummary().on_multirun_end(OmegaConf.create({"hydra": {"sweep": {"dir": str(sweep)}}}))
    with (sweep / "sweep.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("mode", "order"), [("max", ["b", "a"]), ("min", ["a", "b"])])
def test_the_best_job_comes_first(tmp_path: Path, mode: str, order: list[str]) -> None:
    for number, (head, value) in enumerate({"a": 0.8, "b": 0.9}.items()):
        write_job(tmp_path, number, [f"head={head}", "data.root=X"], value=value, mode=mode)
    rows = summarised(tmp_path)
    assert [row["head"] for row in rows] == order
    assert list(rows[0]) == ["head", "val/held_out/accuracy", "steps", "seconds", "checkpoint"]
    assert Path(rows[0]["checkpoint"]).name == "best.ckpt"
    assert (tmp_path / "sweep.png").stat().st_size > 5_000


def test_jobs_without_a_value_come_last_and_failed_ones_after_them_with_their_sentence(tmp_path: Path) -> None:
    write_job(tmp_path, 0, ["seed=0"], value=None, error="the disk is full")
    write_job(tmp_path, 1, ["seed=1"], value=None, checkpoint=None)
    write_job(tmp_path, 2, ["seed=2"], value=0.7)
    with pytest.raises(SystemExit) as ended:
        summarised(tmp_path)
    assert ended.value.code == 1
    rows = sweep_rows(tmp_path, read_summaries(tmp_path))
    assert [row["seed"] for row in rows] == ["2", "1", "0"]
    assert rows[-1]["error"] == "the disk is full"


def test_a_sweep_of_which_every_job_failed_still_has_its_table(tmp_path: Path) -> None:
    for number in range(2):
        failed = {"error": "no such folder", "value": None, "overrides": [f"data.root={number}"]}
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "summary.json").write_text(json.dumps(failed))
    with pytest.raises(SystemExit):
        summarised(tmp_path)
    with (tmp_path / "sweep.csv").open() as file:
        assert [(row["data.root"], row["error"]) for row in csv.DictReader(file)] == [
            ("0", "no such folder"),
            ("1", "no such folder"),
        ]
    assert not (tmp_path / "sweep.png").exists()


def test_jobs_are_told_apart_by_what_they_differ_in() -> None:
    assert differing({"0": ["+a=1", "b=x", "c=1"], "1": ["+a=1", "b=y"]}) == {
        "0": {"b": "x", "c": "1"},
        "1": {"b": "y", "c": None},
    }
    assert differing({"0": ["a=1"], "1": ["a=1"]}) == {"0": {"job": "0"}, "1": {"job": "1"}}
    assert list(differing({str(i): [f"seed={i}"] for i in range(11)}))[-1] == "10"


def test_jobs_are_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in range(11):
        write_job(tmp_path, number, [f"seed={number}"], value=0.5)
    assert list(read_summaries(tmp_path)) == [str(number) for number in range(11)]
