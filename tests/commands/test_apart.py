"""A job of a sweep as a program of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from mfn.commands import apart
from mfn.commands.apart import _deaf_to_slurm, _end_of, _environment, _told
from mfn.config.sweeping import SWEEP
from mfn.errors import MfnError
from tests.scripts import ROOT


def sleeping() -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])


def until(there: Callable[[], bool]) -> None:
    begun = time.monotonic()
    while not there():
        assert time.monotonic() < begun + 120
        time.sleep(0.1)


def test_it_does_not_end_by_the_signal_that_is_for_submitit() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGUSR2, lambda number, _: heard.append(number))
    try:
        with _deaf_to_slurm():
            process = subprocess.Popen(
                [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGUSR2)"]
            )
        assert process.wait() == 0
        os.kill(os.getpid(), signal.SIGUSR2)
        assert heard == [signal.SIGUSR2]  # which this process still hears
    finally:
        signal.signal(signal.SIGUSR2, before)


def test_its_status_is_handed_on() -> None:
    assert _end_of(subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"])) == 7


def left_alone(words: str) -> int:
    """The process that is started by one which is killed, and whose number it writes."""
    code = (
        "import subprocess, sys\n"
        "from mfn.commands.apart import _deaf_to_slurm, _end_of, _environment\n"
        f"process = subprocess.Popen([sys.executable, '-c', {words!r}], env=_environment())\n"
        "print(process.pid, flush=True)\n"
        "_end_of(process)\n"
    )
    middle = (
        "import os, subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-c', {code!r}], env={{**os.environ, {SWEEP!r}: str(os.getpid())}})\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", middle], stdout=subprocess.PIPE, text=True, cwd=ROOT) as first:
        assert first.stdout is not None
        number = int(first.stdout.readline())
        first.kill()
    return number


def gone(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    status = Path("/proc", str(number), "status")
    return status.exists() and "Z (zombie)" in status.read_text()


def test_it_is_asked_to_stop_when_the_sweep_was_killed() -> None:
    number = left_alone("import time; time.sleep(600)")
    until(lambda: gone(number))


def test_it_stops_by_itself_when_whoever_waits_for_it_was_killed() -> None:
    own = "import os; from mfn.commands.program import PARENT, _end_with; _end_with(int(os.environ[PARENT]))"
    code = (
        "import subprocess, sys, time\n"
        "from mfn.commands.apart import _environment\n"
        f"process = subprocess.Popen([sys.executable, '-c', {own!r}], env=_environment())\n"
        "print(process.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT) as first:
        assert first.stdout is not None
        number = int(first.stdout.readline())
        assert not gone(number)
        first.kill()
    until(lambda: gone(number))


def test_it_ends_with_whoever_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    process, parent = sleeping(), os.getppid()
    monkeypatch.setattr(apart, "LOOK", 0.2)

    def stop() -> int:
        if time.monotonic() > begun + 0.5:
            raise SystemExit  # as submitit does when a job is queued again
        return parent

    begun = time.monotonic()
    monkeypatch.setattr(apart.os, "getppid", stop)
    with pytest.raises(SystemExit):
        _end_of(process)
    assert process.poll() == -signal.SIGTERM


def test_a_killed_one_is_an_error_that_names_the_signal_and_what_it_wrote(tmp_path: Path) -> None:
    with pytest.raises(MfnError, match=r"^it was killed by SIGKILL; see output\.txt$"):
        _told(tmp_path, -signal.SIGKILL, "output.txt")
    with pytest.raises(MfnError, match=r"^it ended with status 3; see output\.txt$"):
        _told(tmp_path, 3, "output.txt")


@pytest.mark.parametrize("status", [0, -signal.SIGTERM, 128 + signal.SIGINT])
def test_one_that_was_stopped_stops_a_sweep_that_has_nothing_beside_it(
    status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "side_by_side", lambda: False)
    with pytest.raises(SystemExit):
        _told(tmp_path, status, "output.txt")
    monkeypatch.setattr(apart, "side_by_side", lambda: True)
    with pytest.raises(MfnError, match=r"^it was stopped before its end; see output\.txt$"):
        _told(tmp_path, status, "output.txt")


def test_what_it_left_is_told(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(json.dumps({"value": 0.5}))
    assert _told(tmp_path, 0, "")["value"] == 0.5
    (tmp_path / "summary.json").write_text(json.dumps({"value": None, "error": "the disk is full"}))
    with pytest.raises(MfnError, match=r"^the disk is full$"):
        _told(tmp_path, 1, "")


def test_only_the_first_process_of_a_cluster_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "rank_zero_only", SimpleNamespace(rank=1))
    assert _told(tmp_path, 0, "") == {"value": None}


def test_it_finds_this_package_and_has_as_many_threads_as_slurm_gave_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "6")
    monkeypatch.setenv("PYTHONPATH", "mine")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert _environment()["OMP_NUM_THREADS"] == "6"
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    given = _environment()
    assert given["OMP_NUM_THREADS"] == "2"
    first, ours = given["PYTHONPATH"].split(os.pathsep)
    assert first == "mine" and (Path(ours) / "mfn" / "commands" / "apart.py").is_file()
