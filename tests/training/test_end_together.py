"""Processes of a run end together, soon, and with one sentence; what was saved before is whole."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mfn.checkpoint.format import read_checkpoint
from tests.scripts import ROOT, TINY, run_script

if not Path("/proc/self/task").exists():
    pytest.skip("looks for processes in /proc", allow_module_level=True)
pytestmark = pytest.mark.slow
TWO = (*TINY, "trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "hydra.run.dir=run")
LONG = ("trainer.max_epochs=500", "trainer.check_val_every_n_epoch=500", "data.num_workers=1", "metric=train/loss")
SOON = 60
"""Seconds, on a machine that does much else; PyTorch alone would wait for 30 minutes."""
BAD = """
from lightning import Callback

class Bad(Callback):
    def __init__(self, rank, error):
        self.rank, self.error = rank, error

    def on_train_batch_start(self, trainer, *_):
        if trainer.global_step == 3 and trainer.global_rank == self.rank:
            raise ZeroDivisionError(self.error)
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts ``train.py`` in a process group of its own, with its words in a file."""
    processes: list[subprocess.Popen[str]] = []

    def started(*words: str) -> subprocess.Popen[str]:
        with (tmp_path / "said").open("w") as said:
            environment = os.environ | {"OMP_NUM_THREADS": "1"}
            options = {"stdout": said, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
            command = [sys.executable, str(ROOT / "train.py"), *TWO, *words]
            processes.append(subprocess.Popen(command, env=environment, cwd=tmp_path, **options))
        return processes[-1]

    yield started
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def ranks_of(first: subprocess.Popen[str], here: Path, step: int) -> list[int]:
    """The two processes, once the run has come so far."""
    deadline = time.monotonic() + 240
    while f"step {step}/" not in (here / "said").read_text():
        assert first.poll() is None, (here / "said").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    children = Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()
    other = [int(child) for child in children if b"LOCAL_RANK=1" in Path(f"/proc/{child}/environ").read_bytes()]
    return [first.pid, other[0]]


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def all_end(pids: list[int], first: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + SOON
    while first.poll() is None or not all(map(gone, pids)):
        assert time.monotonic() < deadline, "processes wait for one that is gone"
        time.sleep(0.05)


def steps(here: Path) -> int:
    return read_checkpoint(here / "run" / "checkpoints" / "last.ckpt")["global_step"]


@pytest.mark.parametrize("lost", [0, 1])
def test_one_is_killed(start: Callable[..., subprocess.Popen[str]], tmp_path: Path, lost: int) -> None:
    first = start(*LONG)
    pids = ranks_of(first, tmp_path, 5)
    os.kill(pids[lost], signal.SIGKILL)
    all_end(pids, first)
    said = (tmp_path / "said").read_text()
    assert said.count("error:") == 1 and "Traceback" not in said
    assert f"process {lost} of 2 ended without a word: killed, or out of memory; go on from its last" in said
    reached = steps(tmp_path)
    assert reached >= 4
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    stop = [f"trainer.max_steps={reached + 2}", "trainer.devices=1"]
    run_script("train", f"ckpt_path={last}", *stop, cwd=tmp_path)
    assert steps(tmp_path) == reached + 2


@pytest.mark.parametrize("told", [1])
def test_one_is_told_to_stop(start: Callable[..., subprocess.Popen[str]], tmp_path: Path, told: int) -> None:
    first = start(*LONG, "callbacks.last_checkpoint.every_n_steps=100000")
    pids = ranks_of(first, tmp_path, 5)
    os.kill(pids[told], signal.SIGTERM)
    all_end(pids, first)
    said = (tmp_path / "said").read_text()
    assert "error:" not in said and "Traceback" not in said
    assert said.count("stopped by") == 1 and f"after step {steps(tmp_path)}; saved" in said


@pytest.mark.parametrize("rank", [1])
def test_one_meets_an_error_that_nobody_foresaw(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path, rank: int
) -> None:
    (tmp_path / "bad.py").write_text(BAD)
    bad = ["+callbacks.bad._target_=bad.Bad", f"+callbacks.bad.rank={rank}", "+callbacks.bad.error=oddity"]
    first = start(*LONG, *bad)
    deadline = time.monotonic() + 240
    while first.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    said = (tmp_path / "said").read_text()
    assert said.count("error:") == 1 and "Traceback" not in said
    assert "error: ZeroDivisionError: oddity (nobody foresaw this; the whole story is in" in said
    assert "raise ZeroDivisionError(self.error)" in (tmp_path / "run" / "error.log").read_text()
    assert steps(tmp_path) == 3
    summary = tmp_path / "run" / "summary.json"
    assert not summary.exists() or "oddity" in json.loads(summary.read_text())["error"]
