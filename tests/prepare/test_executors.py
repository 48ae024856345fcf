import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import pytest
import torch

from mfn.errors import ConfigError, DataError
from mfn.prepare.executors import Done, Local
from mfn.prepare.ray_executor import RayActor


@dataclass
class Touch:
    """Writes a file for each shard; tells threads and process."""

    folder: Path
    fail: int = -1

    def __call__(self, shard: int) -> Done:
        if shard == self.fail:
            raise DataError(f"shard {shard} shows no face")
        threads = f"{os.getpid()} {torch.get_num_threads()} {cv2.getNumThreads()}"
        (self.folder / str(shard)).write_text(threads)
        return Done(shard, 10 * shard, 0, "")


@dataclass
class Dies:
    def __call__(self, shard: int) -> Done:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_every_shard_is_done_with_one_thread(tmp_path: Path, workers: int) -> None:
    before = torch.get_num_threads()
    done = list(Local(workers)(Touch(tmp_path), [0, 3, 4, 7]))
    assert sorted(shard.rows for shard in done) == [0, 30, 40, 70]
    pids, *threads = zip(*((tmp_path / str(shard)).read_text().split() for shard in (0, 3, 4, 7)), strict=True)
    assert set(threads[0]) == {"1"} and set(threads[1]) <= {"0", "1"}
    assert (str(os.getpid()) in pids) == (workers == 0)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("workers", [0, 2])
def test_what_the_job_raises_comes_out(tmp_path: Path, workers: int) -> None:
    with pytest.raises(DataError, match=r"^shard 3 shows no face$"):
        list(Local(workers)(Touch(tmp_path, fail=3), range(6)))


def test_rays_actor_gives_errors_as_values(tmp_path: Path) -> None:
    actor = RayActor(Touch(tmp_path, fail=1))
    assert actor({"shard": 2}) == {"shard": 2, "rows": 20, "broken": 0, "example": "", "error": ""}
    assert actor({"shard": 1})["error"] == "shard 1 shows no face"


def test_a_number_of_workers_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ConfigError, match="workers=-1"):
        Local(-1)


def test_a_worker_that_dies_is_told() -> None:
    with pytest.raises(DataError, match="run the same command again"):
        list(Local(1)(Dies(), [0]))


@pytest.mark.slow
def test_workers_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(
        "import os, time\n"
        "from mfn.prepare.executors import Local\n"
        "class Slow:\n"
        "    def __call__(self, shard):\n"
        "        open(f'pid{shard}', 'w').write(str(os.getpid()))\n"
        "        time.sleep(60)\n"
        "if __name__ == '__main__':\n"
        "    list(Local(1)(Slow(), [0]))\n"
    )
    parent = subprocess.Popen([sys.executable, script], cwd=tmp_path)
    pid = _wait_for(lambda: int((tmp_path / "pid0").read_text() or 0) if (tmp_path / "pid0").exists() else 0)
    parent.kill()
    parent.wait()
    assert _wait_for(lambda: not _alive(pid))


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def _wait_for(what):
    deadline = time.monotonic() + 30
    while not (value := what()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return value
