"""Sweeps whose jobs run beside one another, are killed and go on."""

import csv
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.scripts import ROOT, TINY

QUICK = (*(word for word in TINY if "batch_size" not in word), "hydra.sweep.dir=sweep")


def needs(plugin: str, extra: str) -> pytest.MarkDecorator:
    there = find_spec("hydra_plugins") and find_spec(f"hydra_plugins.{plugin}")
    return pytest.mark.skipif(not there, reason=f"needs {plugin} (extra {extra})")


JOBLIB = needs("hydra_joblib_launcher", "sweep")
OPTUNA = needs("hydra_optuna_sweeper", "sweep")
SUBMITIT = needs("hydra_submitit_launcher", "sweep-slurm")
RAY = needs("hydra_ray_launcher", "sweep-ray")


def rows(here: Path) -> list[dict[str, str]]:
    with (here / "sweep" / "sweep.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
@pytest.mark.parametrize(
    "launcher",
    [
        pytest.param("joblib", marks=JOBLIB),
        pytest.param("submitit_local", marks=SUBMITIT),
        pytest.param("ray", marks=RAY),
    ],
)
def test_four_jobs_of_which_one_fails_end_with_three_results_and_a_sentence(launcher: str, tmp_path: Path) -> None:
    words = ["trainer.max_epochs=1", f"hydra/launcher={launcher}", "data.batch_size=8,16,65,4"]
    done = run("-m", *QUICK, *words, here=tmp_path, status=1)
    found = rows(tmp_path)
    assert sorted(row["data.batch_size"] for row in found if not row["error"]) == ["16", "4", "8"], done
    assert all((tmp_path / row["checkpoint"]).is_file() for row in found if not row["error"])
    lines = done.strip().splitlines()
    assert lines[-1].endswith("1 of 4 jobs failed")
    assert "job 2: data.batch_size=65 on 1 device(s) is more than the 64 training images" in lines[-2]
    _, table = done.split("Sweep, best first")
    assert table.partition("sweep: ")[0].count("best.ckpt") == 3
    assert "Traceback" not in done
    assert "steps in" in (tmp_path / "sweep" / "0" / "output.txt").read_text()  # the screen is the sweep's


@pytest.mark.slow
@JOBLIB
def test_a_job_that_is_killed_costs_no_other(tmp_path: Path) -> None:
    words = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=1", "trainer.max_epochs=1,400", "data.batch_size=8"]
    quick = [word for word in QUICK if "max_epochs" not in word]
    sweep = start(tmp_path, "-m", *quick, *words)
    until(lambda: (tmp_path / "sweep/1/checkpoints/last.ckpt").exists(), sweep)
    (child,) = [pid for pid, words in programs() if f"hydra.run.dir={tmp_path}/sweep/1" in words]
    os.kill(child, signal.SIGKILL)
    assert sweep.wait(120) == 1
    said = (tmp_path / "output").read_text()
    assert "job 1: it was killed by SIGKILL; see" in said and "Traceback" not in said
    assert [bool(row["error"]) for row in rows(tmp_path)] == [False, True]


@pytest.mark.slow
def test_a_sweep_that_was_killed_goes_on_when_it_is_typed_again(tmp_path: Path) -> None:
    def typed(epochs: str = "1,12", *more: str) -> list[str]:
        words = ["-m", *(word for word in QUICK if "epochs" not in word), "data.batch_size=8"]
        return [*words, f"trainer.max_epochs={epochs}", *more]

    sweep = start(tmp_path, *typed())
    last = tmp_path / "sweep" / "1" / "checkpoints" / "last.ckpt"
    until(last.exists, sweep)
    sweep.kill()
    sweep.wait()
    before = (tmp_path / "sweep" / "0" / "summary.json").stat().st_mtime_ns
    again = run(*typed(), here=tmp_path)
    assert "job 0 was done before" in again and f"job 1 goes on with {last}" in again
    assert (tmp_path / "sweep" / "0" / "summary.json").stat().st_mtime_ns == before
    whole = run(*typed("12", "hydra.sweep.dir=whole"), here=tmp_path)
    ends = [json.loads((tmp_path / of / "summary.json").read_text()) for of in ("sweep/1", "whole/0")]
    assert ends[0]["last_weights"] == ends[1]["last_weights"], whole
    other = run(*typed("1,12", "seed=1"), here=tmp_path)
    assert "was asked for something else: the training begins anew" in other


@pytest.mark.slow
@OPTUNA
@JOBLIB
def test_a_study_that_was_killed_goes_on_to_what_was_asked_for(tmp_path: Path) -> None:
    words = ["-m", *QUICK, "data.batch_size=8", "hydra/sweeper=optuna", "hydra/launcher=joblib"]
    words += ["hydra.sweeper.n_trials=4", "optimizer.lr=interval(0.01,0.1)", "head=softmax,arcface"]
    sweep = start(tmp_path, *words)
    until(lambda: (tmp_path / "sweep" / "2" / ".hydra").exists(), sweep)
    sweep.kill()
    sweep.wait()
    until(lambda: not [pid for pid, typed in programs() if f"hydra.run.dir={tmp_path}" in typed])
    done = run(*words, here=tmp_path)
    assert "study sweep: 4 trials were begun and 2 of them ended, so 2 of 4 are left" in done
    assert [row["optimizer.lr"] for row in rows(tmp_path)] == list({row["optimizer.lr"]: 0 for row in rows(tmp_path)})
    states = sqlite3.connect(tmp_path / "sweep" / "study.db").execute("select state from trials").fetchall()
    assert [state for (state,) in states].count("COMPLETE") == 4
    ended = [name for name in "012345" if (tmp_path / "sweep" / name / "summary.json").is_file()]
    assert {"0", "1", "4", "5"} <= set(ended)
    best = max(float(row["val/held_out/accuracy"]) for row in rows(tmp_path) if not row["error"])
    assert f"with val/held_out/accuracy {best:.4g}, optimizer.lr=" in done
    again = run(*words, here=tmp_path)
    assert "so 0 of 4 are left" in again and "Sweep, best first" in again


@pytest.mark.slow
@OPTUNA
def test_a_study_of_which_every_trial_fails_ends_in_sentences(tmp_path: Path) -> None:
    words = ["data.batch_size=65", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=2", "seed=0,1"]
    done = run("-m", *QUICK, *words, here=tmp_path, status=1)
    assert done.endswith("2 of 2 jobs failed") and "Traceback" not in done


@pytest.mark.slow
@SUBMITIT
def test_slurm_is_asked_for_what_the_configuration_says(tmp_path: Path) -> None:
    """Without a cluster: a program in place of sbatch keeps what it was handed, and refuses it."""
    (programs := tmp_path / "bin").mkdir()
    (programs / "srun").write_text("#!/bin/sh\n")
    (programs / "sbatch").write_text(f"#!/bin/sh\ncp $1 {tmp_path}/job.sh; echo 'no such partition' >&2; exit 1\n")
    for file in programs.iterdir():
        file.chmod(0o755)
    asked = ["partition=gpu", "gpus_per_node=1", "mem_gb=24", "account=faces", "setup=['module load cuda']"]
    words = ["data.batch_size=8,16", "hydra/launcher=submitit_slurm", *(f"hydra.launcher.{word}" for word in asked)]
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    done = run("-m", *QUICK, *words, here=tmp_path, status=1, PATH=path)
    assert "no such partition" in done and "Traceback" not in done
    script = (tmp_path / "job.sh").read_text()
    for line in (
        "partition=gpu",
        "gpus-per-node=1",
        "mem=24GB",
        "account=faces",
        "cpus-per-task=2",
        "time=1440",
        "array=0-1%2",
        "signal=USR2@120",
    ):
        assert f"#SBATCH --{line}" in script, script
    assert "module load cuda" in script


def start(here: Path, *words: str, **environment: str) -> "subprocess.Popen[bytes]":
    """A sweep as a program of its own, which joblib's workers need to end with it."""
    with (here / "output").open("wb") as output:
        return subprocess.Popen(
            [sys.executable, str(ROOT / "train.py"), *words],
            cwd=here,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        )


def run(*words: str, here: Path, status: int = 0, **environment: str) -> str:
    """What such a program says until it ends."""
    process = start(here, *words, **environment)
    until(lambda: process.poll() is not None)
    said = (here / "output").read_text()
    assert process.returncode == status, said
    return said.strip()


def until(there: Callable[[], object], process: "subprocess.Popen[bytes] | None" = None) -> None:
    """Waits for something that a running process brings about."""
    begun = time.monotonic()
    while not there():
        assert process is None or process.poll() is None, "it ended too early"
        assert time.monotonic() < begun + 600
        time.sleep(0.05)


def programs() -> list[tuple[int, str]]:
    """Numbers and command lines of the processes of this machine."""
    if (ps := shutil.which("ps")) is None:
        pytest.skip("needs ps")
    told = subprocess.run([ps, "-eo", "pid,args", "-ww"], capture_output=True, text=True, check=True).stdout
    return [(int(pid), words) for pid, _, words in (line.strip().partition(" ") for line in told.splitlines()[1:])]
