"""Atomic writing, and what a process that was killed in the middle of it leaves."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mfn.files.atomic import clear_left_behind, hidden_folder, process_name, replacing

KILLED_WHILE_WRITING = """
import sys, time
from pathlib import Path
from mfn.files.atomic import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half")
    print("writing", flush=True)
    time.sleep(60)
"""


def test_a_block_that_raises_leaves_the_old_file_alone(tmp_path: Path) -> None:
    target = tmp_path / "faces.npy"
    target.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), replacing(target) as temporary:
        temporary.write_bytes(b"new")
        raise ZeroDivisionError
    assert target.read_bytes() == b"old"
    with replacing(target) as temporary:
        temporary.write_bytes(b"new")
    assert target.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_killed_writer_left_is_cleared_and_a_living_ones_is_not(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED_WHILE_WRITING, str(tmp_path / "last.ckpt")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        (half,) = tmp_path.iterdir()
        assert clear_left_behind(tmp_path) == 0
        writer.send_signal(signal.SIGKILL)
    assert half.exists()
    assert clear_left_behind(tmp_path) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("age", [0, 7200])
def test_a_file_of_another_machine_is_only_cleared_when_it_is_old(tmp_path: Path, age: int) -> None:
    file = tmp_path / f".last.elsewhere-{os.getpid()}.tmp.ckpt"
    file.touch()
    os.utime(file, (time.time() - age,) * 2)
    assert clear_left_behind(tmp_path) == (age > 0)


def test_other_peoples_files_stay(tmp_path: Path) -> None:
    host = socket.gethostname().partition(".")[0]
    names = ("last.ckpt", ".hidden", ".notes.tmp", "notes.2.tmp", f".a.{host}-x.tmp", ".vscode")
    for name in names:
        (tmp_path / name).touch()
    assert clear_left_behind(tmp_path) == 0
    assert clear_left_behind(tmp_path / "nowhere") == 0
    assert len(list(tmp_path.iterdir())) == len(names)


def test_files_of_versions_before_are_cleared_too(tmp_path: Path) -> None:
    (tmp_path / ".last.ckpt.4194305.tmp").touch()  # no process has so large a number
    assert clear_left_behind(tmp_path) == 1


def test_a_hidden_folder_goes_with_what_is_in_it(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), hidden_folder(tmp_path / "new/images") as work:
        (work / "a").mkdir()
        assert clear_left_behind(tmp_path / "new") == 0 and work.exists()
        raise ZeroDivisionError
    assert not list((tmp_path / "new").iterdir())


def test_what_a_process_of_our_number_left_is_no_hindrance(tmp_path: Path) -> None:
    for name in ("images", "other"):
        (tmp_path / f".{name}.{process_name()}.tmp" / "half").mkdir(parents=True)
    with hidden_folder(tmp_path / "images") as work:
        assert not list(work.iterdir())
        assert clear_left_behind(tmp_path) == 1
    assert not list(tmp_path.iterdir())
