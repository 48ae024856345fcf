"""A run that is told to stop saves and ends; going on, it comes to the very weights of one that was left alone."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lightning import Callback, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging
from lightning.pytorch.utilities.exceptions import SIGTERMException

from mfn.training.callbacks.early_stopping import StopEarly
from mfn.training.callbacks.last_checkpoint import LastCheckpoint
from mfn.training.callbacks.stop_signals import WISHES
from mfn.training.schedules import Plateau
from tests.scripts import ROOT, TINY
from tests.training.test_resume import EER, PLATEAU, run

_left_alone: dict[str, tuple[str, int]] = {}  # how a run ends that nobody stops, by its options


class Send(Callback):
    """Sends a signal to this process in the middle of a hook."""

    def __init__(self, number: signal.Signals, hook: str, step: int) -> None:
        self.step = step
        setattr(self, hook, lambda trainer, *_, **__: self._send(trainer, number))

    def _send(self, trainer: Trainer, number: signal.Signals) -> None:
        if trainer.global_step >= self.step and not trainer.sanity_checking:
            self.step = sys.maxsize
            os.kill(os.getpid(), number)


@pytest.mark.slow
@pytest.mark.parametrize("number", WISHES)
@pytest.mark.parametrize(
    ("hook", "step"),
    [
        ("on_train_batch_start", 5),
        ("on_train_batch_end", 4),
        ("on_validation_start", 4),
        ("on_validation_batch_start", 4),
        ("on_validation_epoch_end", 4),
        ("on_validation_end", 4),
        ("on_train_epoch_end", 4),
        ("on_train_epoch_start", 4),
    ],
)
@pytest.mark.parametrize(
    ("options", "schedule"),
    [
        ({"max_epochs": 3}, PLATEAU),
        ({"max_epochs": -1, "max_steps": 11, "accumulate_grad_batches": 2}, None),
        ({"max_epochs": 3, "val_check_interval": 0.5}, PLATEAU),
    ],
    ids=str,
)
def test_a_run_is_stopped_at_any_moment_and_goes_on(
    tmp_path: Path, number: signal.Signals, hook: str, step: int, options: dict[str, Any], schedule: Plateau | None
) -> None:
    def callbacks() -> list[Callback]:
        return [EMAWeightAveraging(decay=0.9), StopEarly(EER, patience=2, mode="max", min_delta=1.0)]

    if str(options) not in _left_alone:
        _left_alone[str(options)] = run(tmp_path, options, callbacks(), schedule=schedule)
    before = signal.getsignal(number)
    with pytest.raises(SIGTERMException) as stop:
        send = Send(number, hook, step)
        run(tmp_path, options, [*callbacks(), send, LastCheckpoint(tmp_path, 1000)], schedule=schedule)
    assert not stop.value.code
    assert signal.getsignal(number) == before
    assert run(tmp_path, options, callbacks(), tmp_path / "last.ckpt", schedule) == _left_alone[str(options)]


@pytest.mark.slow
def test_a_run_in_a_thread_leaves_signals_alone(tmp_path: Path) -> None:
    ended: list[Any] = []
    before = [signal.getsignal(number) for number in WISHES]
    thread = threading.Thread(
        target=lambda: ended.append(run(tmp_path, {"num_workers": 1}, [LastCheckpoint(tmp_path)]))
    )
    thread.start()
    thread.join(120)
    assert ended == [run(tmp_path, {}, [])]
    assert [signal.getsignal(number) for number in WISHES] == before


def until(log: Path, text: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 240
    while not (log.exists() and text in log.read_text()):
        assert process.poll() is None, "ended before it was told to"
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts ``train.py`` in a process group of its own, as a shell does."""
    processes: list[subprocess.Popen[str]] = []

    def start(*words: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(ROOT / "train.py"), *words]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=tmp_path,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def members(group: int) -> list[int]:
    """Processes of a group that are not only waiting to be fetched."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, of_group = stat.read_text().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(of_group) == group and state != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize(
    ("number", "options"),
    [
        (signal.SIGINT, ["data.num_workers=2"]),
        (signal.SIGTERM, ["data.num_workers=1", "data.multiprocessing_context=spawn"]),
        (signal.SIGTERM, ["data.num_workers=1", "trainer.devices=2", "trainer.strategy=ddp"]),
    ],
    ids=str,
)
def test_a_signal_to_the_whole_group_saves_and_leaves_no_process(
    started: Callable[..., subprocess.Popen[str]], tmp_path: Path, number: signal.Signals, options: list[str]
) -> None:
    def weights(folder: Path) -> tuple[str, int]:
        summary = json.loads((folder / "summary.json").read_text())
        return summary["last_weights"], summary["steps"]

    words = [*TINY, *options, "trainer.max_epochs=4", "callbacks.last_checkpoint.every_n_steps=1000"]
    assert started(*words, f"hydra.run.dir={tmp_path / 'whole'}").wait(280) == 0
    broken = tmp_path / "broken"
    victim = started(*words, f"hydra.run.dir={broken}")
    until(broken / "train.log", "step 10/", victim)
    os.killpg(victim.pid, number)
    output, _ = victim.communicate(timeout=120)
    assert victim.returncode == 0, output
    assert f"stopped by {number.name}" in output and "Traceback" not in output, output
    deadline = time.monotonic() + 30
    while members(victim.pid):  # Python's own tracker of shared memory ends a moment after the last that it tracks for
        assert time.monotonic() < deadline, members(victim.pid)
        time.sleep(0.1)
    assert not (broken / "summary.json").exists()
    last = broken / "checkpoints" / "last.ckpt"
    assert started(f"ckpt_path={last}").wait(280) == 0
    assert weights(broken) == weights(tmp_path / "whole")


@pytest.mark.slow
def test_what_a_killed_run_left_half_written_is_cleared_by_the_next(
    started: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    victim = started(*TINY, f"hydra.run.dir={folder}")
    until(folder / "train.log", "step 3/", victim)
    os.killpg(victim.pid, signal.SIGKILL)
    victim.wait()
    half = folder / "checkpoints" / f".last.ckpt.{victim.pid}.tmp"
    half.write_bytes(b"half")
    mine = folder / "checkpoints" / ".notes.tmp"
    mine.write_text("not ours")
    assert started(f"ckpt_path={folder / 'checkpoints' / 'last.ckpt'}").wait(280) == 0
    assert not half.exists() and mine.exists()
    assert json.loads((folder / "summary.json").read_text())["steps"] == 16
