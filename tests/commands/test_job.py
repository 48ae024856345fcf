"""Sweeps of ``train.py`` and ``evaluate.py``: a job that fails does not cost the others."""

import csv
import json
from pathlib import Path

import pytest

from tests.scripts import TINY, run_script

QUICK = (*TINY, "trainer.max_epochs=1", "hydra.sweep.dir=sweep")


def rows(here: Path) -> list[dict[str, str]]:
    with (here / "sweep" / "sweep.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_a_job_that_fails_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    done = run_script("train", "-m", *QUICK, "data.batch_size=8,65,16", "head=softmax,cosface", cwd=tmp_path, status=1)
    assert "Traceback" not in done.output
    found = rows(tmp_path)
    assert [(row["data.batch_size"], row["head"]) for row in found if row["error"]] == [
        ("65", "softmax"),
        ("65", "cosface"),
    ]
    assert all("more than the 64 training images" in row["error"] for row in found if row["error"])
    judged = [row for row in found if not row["error"]]
    assert {(row["data.batch_size"], row["head"]) for row in judged} == {
        (size, head) for size in ("8", "16") for head in ("softmax", "cosface")
    }
    assert all((tmp_path / row["checkpoint"]).is_file() for row in judged)
    assert done.last_line.endswith("2 of 6 jobs failed")
    assert json.loads((tmp_path / "sweep" / "2" / "summary.json").read_text())["error"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "columns", "jobs"),
    [
        (["scheduler=multistep,staircase", "scheduler.gamma=0.5"], ["scheduler"], 2),
        (["optimizer=sgd,adam", "optimizer.lr=0.01,0.02"], ["optimizer", "optimizer.lr"], 4),
        (["head=arcface,sphereface", "head.scale=12", "data.source.seed=0"], ["head"], 2),
        (["experiment=small,jhface", "model=mobilefacenet"], ["experiment"], 2),
        (["seed=range(2)"], ["seed"], 2),
        (["callbacks=[default],[default,series]"], ["callbacks"], 2),
        (["image_size=[32,32],[40,32]"], ["image_size"], 2),
        (["seed=1"], ["job"], 1),
    ],
    ids=str,
)
def test_whatever_hydra_can_sweep_is_swept_and_named_by_what_differs(
    words: list[str], columns: list[str], jobs: int, tmp_path: Path
) -> None:
    keys = {word.partition("=")[0].lstrip("+") for word in words}
    quick = [word for word in QUICK if word.partition("=")[0] not in keys]
    done = run_script("train", "--multirun", *quick, "trainer.limit_train_batches=2", *words, cwd=tmp_path)
    found = rows(tmp_path)
    assert len(found) == jobs, done.output
    assert list(found[0])[: len(columns)] == columns
    assert len({tuple(row[column] for column in columns) for row in found}) == jobs


@pytest.mark.slow
def test_a_job_of_a_sweep_goes_on_by_its_checkpoint(tmp_path: Path) -> None:
    run_script("train", "-m", *QUICK, "head=softmax,cosface", cwd=tmp_path)
    last = tmp_path / "sweep" / "1" / "checkpoints" / "last.ckpt"
    run_script("train", f"ckpt_path={last}", "trainer.max_epochs=2", cwd=tmp_path)
    summary = json.loads((last.parents[1] / "summary.json").read_text())
    assert summary["steps"] == 16
    assert "head=cosface" in summary["overrides"]


@pytest.mark.slow
def test_two_devices_train_every_job_of_a_sweep(tmp_path: Path) -> None:
    two = ["trainer.devices=2", "trainer.strategy=ddp", "trainer.limit_train_batches=2"]
    done = run_script("train", "-m", *QUICK, *two, "head=softmax,cosface", cwd=tmp_path)
    found = rows(tmp_path)
    assert {row["head"] for row in found} == {"softmax", "cosface"}, done.output
    assert all(row["steps"] == "2" for row in found)
    assert done.output.count("Sweep, best first") == 1
    assert sorted(folder.name for folder in (tmp_path / "sweep").iterdir() if folder.is_dir()) == ["0", "1"]


@pytest.mark.slow
def test_a_job_of_two_devices_that_fails_does_not_cost_the_others(tmp_path: Path) -> None:
    two = ["trainer.devices=2", "trainer.strategy=ddp", "trainer.limit_train_batches=2", "data.batch_size=65,8"]
    done = run_script("train", "-m", *QUICK, *two, cwd=tmp_path, status=1)
    assert "Traceback" not in done.output
    errors = {row["data.batch_size"]: row["error"] for row in rows(tmp_path)}
    assert "more than the 64 training images" in errors["65"]
    assert not errors["8"]


@pytest.mark.slow
def test_the_networks_of_a_sweep_are_judged_in_another(tmp_path: Path) -> None:
    run_script("train", "-m", *QUICK, "head=softmax,cosface", cwd=tmp_path)
    models = ",".join(str(tmp_path / "sweep" / job / "checkpoints" / "best.ckpt") for job in "01")
    sets = ["benchmark=pairs", f"benchmark.root={tmp_path / 'nowhere'}", "hydra.sweep.dir=judged"]
    done = run_script("evaluate", "-m", f"model_path={models}", *sets, cwd=tmp_path, status=None)
    assert "job 1 failed" in done.output and "Traceback" not in done.output
