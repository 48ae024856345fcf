"""The table at the end of a sweep."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from mfn.report.jobs import read_summaries
from mfn.report.sweep import SweepSummary, best_sentence, differing, sum_up_unfinished, sweep_rows


def write_job(sweep: Path, number: int, overrides: list[str], **summary: Any) -> None:
    done = {"metric": "val/held_out/accuracy", "mode": "max", "steps": 10, "seconds": 3.2, "checkpoint": "best.ckpt"}
    (sweep / str(number)).mkdir()
    (sweep / str(number) / "summary.json").write_text(json.dumps(done | {"overrides": overrides} | summary))


def of(sweep: Path) -> DictConfig:
    return OmegaConf.create({"hydra": {"sweep": {"dir": str(sweep), "subdir": "${hydra.job.num}"}}})


def summarised(sweep: Path) -> list[dict[str, str]]:
    """The rows of ``sweep.csv`` once the sweep has ended."""
    SweepSummary().on_multirun_end(of(sweep))
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


def test_three_results_are_a_table_and_the_job_that_failed_a_sentence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for number in range(3):
        write_job(tmp_path, number, [f"seed={number}"], value=0.5 + number / 10)
    write_job(tmp_path, 3, ["seed=3"], value=None, error="the disk is full")
    with pytest.raises(SystemExit):
        summarised(tmp_path)
    (shown,) = [message for message in caplog.messages if "best first" in message]
    assert shown.count("best.ckpt") == 3 and "the disk is full" not in shown
    assert caplog.messages[-3:] == [
        "best: job 2 with val/held_out/accuracy 0.7, seed=2",
        "job 3: the disk is full",
        "1 of 4 jobs failed",
    ]


def test_the_best_job_is_named_with_what_it_was_given() -> None:
    def job(value: float | None, *words: str, mode: str = "min") -> dict[str, Any]:
        return {"value": value, "mode": mode, "metric": "val/loss", "overrides": words}

    jobs = {"0": job(0.3, "lr=1", "x=0"), "1": job(0.25, "lr=2", "x=0"), "2": job(None, "lr=3", "x=0")}
    assert best_sentence(jobs) == "best: job 1 with val/loss 0.25, lr=2"
    assert best_sentence({"0": job(0.3, "lr=1")}) == "best: job 0 with val/loss 0.3"
    assert best_sentence({"0": job(None)}) == ""


def test_what_failed_before_this_start_is_told_and_fails_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_job(tmp_path, 0, ["seed=0"], value=None, error="the disk is full")
    (tmp_path / "1" / ".hydra").mkdir(parents=True)
    (tmp_path / "1" / ".hydra" / "overrides.yaml").write_text("- seed=1\n")
    summary = SweepSummary()
    summary.on_multirun_start(of(tmp_path))
    write_job(tmp_path, 2, ["seed=2"], value=0.5)
    summary.on_multirun_end(of(tmp_path))
    assert caplog.messages[-2] == "job 0, of an earlier start: the disk is full"
    assert caplog.messages[-1].startswith("job 1, of an earlier start: it has not ended")
    with (tmp_path / "sweep.csv").open() as file:
        assert [row["seed"] for row in csv.DictReader(file)] == ["2", "0", "1"]


def test_a_sweep_that_broke_down_is_summed_up_once(tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    SweepSummary().on_multirun_start(of(sweep))
    assert sweep.is_dir()  # where Optuna keeps its study
    write_job(sweep, 0, ["seed=0"], value=0.5)
    sum_up_unfinished()
    assert (sweep / "sweep.csv").is_file()
    (sweep / "sweep.csv").unlink()
    sum_up_unfinished()
    SweepSummary().on_multirun_start(of(sweep))
    SweepSummary().on_multirun_end(of(sweep))
    (sweep / "sweep.csv").unlink()
    sum_up_unfinished()
    assert not (sweep / "sweep.csv").exists()
