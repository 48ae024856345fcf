"""What is found of the jobs of a sweep, whatever they are called and however they ended."""

import json
from pathlib import Path

import pytest

from mfn.report.jobs import job_folders, read_summaries, traces


def begin(job: Path, *overrides: str, checkpoint: bool = False) -> Path:
    """A folder as Hydra leaves it for a job that has begun."""
    (job / ".hydra").mkdir(parents=True)
    (job / ".hydra" / "overrides.yaml").write_text("".join(f"- {word}\n" for word in overrides))
    if checkpoint:
        (job / "checkpoints").mkdir()
        (job / "checkpoints" / "last.ckpt").touch()
    return job


def end(job: Path, value: float, *overrides: str) -> Path:
    job.mkdir(parents=True, exist_ok=True)
    (job / "summary.json").write_text(
        json.dumps({"value": value, "overrides": overrides, "metric": "m", "mode": "max"})
    )
    return job


def test_a_job_that_was_killed_counts_with_a_sentence_and_what_it_was_asked_for(tmp_path: Path) -> None:
    end(begin(tmp_path / "0"), 0.5, "seed=0")
    begin(tmp_path / "1", "seed=1", checkpoint=True)
    begin(tmp_path / "2", "seed=2")
    (end(begin(tmp_path / "3", "seed=3"), 0.5) / "summary.json").write_text('{"value": 0.')
    (end(begin(tmp_path / "4", "seed=4"), 0.5) / "summary.json").write_text("[]")
    found = read_summaries(tmp_path)
    assert "error" not in found["0"]
    assert f"ckpt_path={tmp_path}/1/checkpoints/last.ckpt` goes on with it" in found["1"]["error"]
    for job in "234":
        assert found[job]["error"].startswith("it has not ended: killed") and found[job]["value"] is None
        assert found[job]["overrides"] == [f"seed={job}"]


def test_a_killed_job_of_which_nothing_can_be_read_is_still_one(tmp_path: Path) -> None:
    (begin(tmp_path / "0") / ".hydra" / "overrides.yaml").write_bytes(b"\xff: [")
    assert read_summaries(tmp_path)["0"]["overrides"] == []


@pytest.mark.parametrize(
    ("subdir", "names"),
    [
        ("${hydra.job.num}", ["0", "1", "10"]),
        ("job-${hydra.job.num}", ["job-0", "job-1", "job-10"]),
        ("${head}/${hydra.job.num}", ["a/0", "b/1", "b/10"]),
        ("${hydra.job.override_dirname}", ["seed=1", "model_path=/x/y.ckpt", "model_path=/x/z.ckpt"]),
    ],
)
def test_jobs_are_found_by_whatever_name_in_their_order(subdir: str, names: list[str], tmp_path: Path) -> None:
    for name in reversed(names):
        begin(tmp_path / name)
    assert list(read_summaries(tmp_path, subdir)) == names


def test_other_sweeps_below_the_folder_are_not_among_the_jobs(tmp_path: Path) -> None:
    begin(tmp_path / "0")
    end(tmp_path / "2026-01-01" / "0", 0.5)
    (tmp_path / ".submitit" / "12").mkdir(parents=True)
    assert job_folders(tmp_path) == [tmp_path / "0"]


def test_traces_differ_for_a_job_that_ran_again(tmp_path: Path) -> None:
    for name in "012":
        end(begin(tmp_path / name), 0.5)
    before = traces(tmp_path)
    assert traces(tmp_path) == before
    (tmp_path / "1" / "summary.json").unlink()
    begin(tmp_path / "3")
    now = traces(tmp_path)
    assert [job.name for job in now if now[job] != before.get(job)] == ["1", "3"]
