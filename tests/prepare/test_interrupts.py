"""Signals to a run and its workers, and two runs at once."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from mfn.errors import ConfigError
from mfn.prepare.lock import HOLDER, LOCK, alone_in
from tests.prepare.fakes import write_photos
from tests.prepare.running import prepared

PROJECT = Path(__file__).resolve().parents[2]
RUN = """
import logging, sys, time
from pathlib import Path
import mfn.commands.prepare
from mfn.commands.main import main
from tests.prepare.fakes import MarkDetector

class Slow(MarkDetector):
    def __call__(self, images, names):
        time.sleep(0.2)
        return super().__call__(images, names)

if __name__ == "__main__":
    main(["prepare", *sys.argv[1:], "detector=slow", f"--config-dir={Path(__file__).parent / 'conf'}"])
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos") / "in", {f"p{i}": [1] * 32 for i in range(6)})


@pytest.fixture
def start(root: Path, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts a run with a slow detector, in a process group of its own."""
    (tmp_path / "conf/detector").mkdir(parents=True)
    (tmp_path / "conf/detector/slow.yaml").write_text("_target_: run.Slow\n")
    (tmp_path / "run.py").write_text(RUN)

    def started(*words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "run.py", f"source.root={root}", f"output={tmp_path / 'out'}", *words],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": f"{PROJECT}{os.pathsep}{tmp_path}", "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # which tests in the background ignore
        )

    return started


def wait_for_shards(work: Path, count: int, run: subprocess.Popen[str]) -> None:
    while len(list(work.glob("photos/[0-9]*.npz"))) < count:
        assert run.poll() is None, run.communicate()
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_to_all_processes_ends_in_one_sentence_and_the_run_goes_on(
    root: Path, tmp_path: Path, start: Callable[..., subprocess.Popen[str]], workers: int, number: int, code: int
) -> None:
    run = start(f"workers={workers}")
    wait_for_shards(tmp_path / "out.work", 1, run)
    os.killpg(run.pid, number)
    _, errors = run.communicate()
    assert run.returncode == code and errors == "stopped: the same command goes on where it stopped\n"
    assert not list(tmp_path.glob("out.work/photos/.*")) and not (tmp_path / "out.work" / LOCK).exists()
    done = len(list(tmp_path.glob("out.work/photos/*.npz")))
    again = start(f"workers={workers}")
    said, errors = again.communicate()
    assert (again.returncode, errors) == (0, "")
    assert f"{done * 32} of 192 photos are done" in said or done == 6
    assert prepared(root, tmp_path / "whole").pack_hash in said


@pytest.mark.slow
def test_a_run_beside_another_is_told_whose(tmp_path: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    with alone_in(tmp_path / "out.work"):
        said, errors = (run := start("workers=1")).communicate()
    assert run.returncode == 1 and said == "" and errors.count("\n") == 1
    assert f"-{os.getpid()}: wait for it to end, or choose another output" in errors


@pytest.mark.slow
def test_two_runs_at_once_make_one_pack(
    root: Path, tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    runs = [start("workers=1") for _ in range(3)]
    said = [run.communicate() for run in runs]
    for run, (results, errors) in zip(runs, said, strict=True):
        assert (run.returncode, errors) == (0, "") or (run.returncode == 1 and "in use by" in errors), results
    assert any(prepared(root, tmp_path / "whole").pack_hash in results for results, _ in said)
    assert sorted(path.name for path in tmp_path.glob("out*")) == ["out"]


@pytest.mark.slow
def test_the_lock_of_a_killed_run_is_no_hindrance(tmp_path: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    run = start("workers=1")
    wait_for_shards(tmp_path / "out.work", 1, run)
    run.kill()
    run.communicate()
    assert (tmp_path / "out.work" / LOCK).exists()
    again = start("workers=1")
    assert "pack hash" in again.communicate()[0] and again.returncode == 0


def test_a_folder_is_held_by_one(tmp_path: Path) -> None:
    with alone_in(tmp_path / "work"):
        with pytest.raises(ConfigError, match=f"in use by process .*-{os.getpid()}: wait"), alone_in(tmp_path / "work"):
            pass
        (tmp_path / "work" / HOLDER).unlink()
        with pytest.raises(ConfigError, match="in use by another process"), alone_in(tmp_path / "work"):
            pass
    assert not (tmp_path / "work").exists()
    with alone_in(tmp_path / "work"):
        (tmp_path / "work/notes.txt").touch()
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["notes.txt"]
