import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import numpy as np
import pytest

from mfn.config import build
from mfn.errors import ConfigError, DataError
from mfn.files.atomic import process_name
from mfn.prepare.align_step import AlignRules
from mfn.prepare.balance import BalanceRules, Band
from mfn.prepare.executors import Done, Job, Local
from mfn.prepare.from_config import prepare_pack
from mfn.prepare.ray_executor import Ray
from mfn.prepare.shards import Shards
from mfn.prepare.split_step import SplitShares
from tests.prepare.fakes import write_photos
from tests.prepare.running import prepared
from tests.prepare.test_from_config import composed

PEOPLE = {f"p{i}": [1, 1, 0, 1, 2, 1, 1, 1] for i in range(12)}
RULES = {
    "balance": BalanceRules(1, None, (Band(0, None, ("gaussian",)),)),
    "split": SplitShares(0.2, 0.5),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos") / "in", PEOPLE)


@pytest.fixture(scope="module")
def wanted(root: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return prepared(root, tmp_path_factory.mktemp("whole") / "out", **RULES).pack_hash


class StopsAfter:
    """Does some shards, the last one first, and stops as a killed run does."""

    def __init__(self, shards: int) -> None:
        self.shards = shards

    def __call__(self, job: Job, shards: Sequence[int]) -> Generator[Done]:
        for shard in list(shards)[::-1][: self.shards]:
            yield job(shard)
        raise KeyboardInterrupt


@pytest.mark.parametrize("workers", [1, 2])
def test_any_number_of_workers_gives_the_same_pack(root: Path, wanted: str, tmp_path: Path, workers: int) -> None:
    assert prepared(root, tmp_path / "out", Local(workers), **RULES).pack_hash == wanted


@pytest.mark.slow
def test_ray_gives_the_same_pack(root: Path, wanted: str, tmp_path: Path) -> None:
    pytest.importorskip("ray.data")
    assert prepared(root, tmp_path / "out", Ray(2), **RULES).pack_hash == wanted


def test_a_stopped_run_goes_on(root: Path, wanted: str, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        prepared(root, tmp_path / "out", StopsAfter(2), **RULES)
    assert not (tmp_path / "out").exists()
    report = prepared(root, tmp_path / "out", **RULES)
    assert (report.pack_hash, report.worked_on, report.images) == (wanted, 32, 96)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_another_seed_gives_another_pack(root: Path, wanted: str, tmp_path: Path) -> None:
    assert prepared(root, tmp_path / "out", **RULES, seed=1).pack_hash != wanted


@pytest.mark.slow
def test_killed_without_warning_it_goes_on(root: Path, wanted: str, tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(
        "import sys, time\n"
        "from pathlib import Path\n"
        "import mfn.prepare.pipeline as pipeline\n"
        "from tests.prepare.running import prepared\n"
        "from tests.prepare.test_resume import RULES\n"
        "def endless(*arguments):\n"
        "    pipeline.replaced(*arguments)\n"
        "    time.sleep(600)\n"
        "if __name__ == '__main__':\n"
        "    pipeline.replaced, pipeline.write_files = pipeline.write_files, endless\n"
        "    prepared(Path(sys.argv[1]), Path(sys.argv[2]), **RULES)\n"
    )
    project = Path(__file__).resolve().parents[2]
    killed = subprocess.Popen(
        [sys.executable, script, root, tmp_path / "out"], env={"PYTHONPATH": str(project), "OMP_NUM_THREADS": "1"}
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "out.work/result/held_out.bin").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    killed.kill()
    killed.wait()
    assert not (tmp_path / "out").exists()
    report = prepared(root, tmp_path / "out", **RULES)
    assert (report.pack_hash, report.worked_on) == (wanted, 0)


def test_other_settings_do_not_go_on(root: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        prepared(root, tmp_path / "out", StopsAfter(1))
    with pytest.raises(ConfigError, match=r"begun with align\.several=skip, this run has largest: move"):
        prepared(root, tmp_path / "out", align=AlignRules(several="largest"))


def test_other_photos_do_not_go_on(root: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        prepared(root, tmp_path / "out", StopsAfter(1))
    other = write_photos(tmp_path / "other", {"ann": [1]})
    with pytest.raises(ConfigError, match="begun with"):
        prepared(other, tmp_path / "out")


def test_a_finished_output_is_left_alone(root: Path, tmp_path: Path) -> None:
    (tmp_path / "out.work").mkdir()  # left by a kill at the very end
    report = prepared(root, tmp_path / "out", **RULES)
    before = (tmp_path / "out/train.rec").stat().st_mtime_ns
    assert prepared(root, tmp_path / "out", **RULES) == report
    assert not (tmp_path / "out.work").exists()
    assert (tmp_path / "out/train.rec").stat().st_mtime_ns == before
    with pytest.raises(ConfigError, match="made with seed=0, this run has 1: choose another output, or overwrite=true"):
        prepared(root, tmp_path / "out", **RULES, seed=1)
    assert prepared(root, tmp_path / "out", overwrite=True).splits == {}


def test_a_folder_of_others_is_never_replaced_unasked(root: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="exists and no finished run made it"):
        prepared(root, tmp_path / "out")
    assert (tmp_path / "out/mine.txt").read_text() == "mine"


def test_work_that_is_kept_serves_other_rules(root: Path, wanted: str, tmp_path: Path) -> None:
    prepared(root, tmp_path / "out", keep_work=True)
    report = prepared(root, tmp_path / "out", **RULES, overwrite=True)
    assert (report.worked_on, report.pack_hash) == (0, wanted)
    assert not (tmp_path / "out.work").exists()


def torn(shard: Path) -> None:
    shard.write_bytes(shard.read_bytes()[:100])


def flipped(shard: Path) -> None:
    content = bytearray(shard.read_bytes())
    content[200] ^= 1
    shard.write_bytes(content)


def of_another_plan(shard: Path) -> None:
    other = Shards(shard.parent, 96, "another")
    with np.load(shard) as file:
        columns = {name: file[name] for name in file.files if name not in ("crops", "ends", "plan")}
    other.write(int(shard.stem), columns, [b""] * 32)


def of_fewer_rows(shard: Path) -> None:
    with np.load(shard) as file:
        content = dict(file)
    np.savez(shard, **{name: values[:5] if values.ndim else values for name, values in content.items()})


@pytest.mark.parametrize(
    "damage", [torn, flipped, of_another_plan, of_fewer_rows, Path.unlink, lambda shard: shard.write_bytes(b"")]
)
def test_a_damaged_shard_is_made_again(
    root: Path, wanted: str, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        prepared(root, tmp_path / "out", StopsAfter(2), **RULES)
    damage(tmp_path / "out.work/photos/000001.npz")
    report = prepared(root, tmp_path / "out", **RULES)
    assert (report.pack_hash, report.worked_on) == (wanted, 64)


def test_a_shard_that_goes_bad_while_it_is_read_is_told(root: Path, tmp_path: Path) -> None:
    class Spoils(StopsAfter):
        def __call__(self, job: Job, shards: Sequence[int]) -> Generator[Done]:
            yield from map(job, shards)
            torn(tmp_path / "out.work/photos/000001.npz")

    with pytest.raises(DataError, match=r"000001\.npz is damaged .*: the same command makes it again"):
        prepared(root, tmp_path / "out", Spoils(0))
    assert prepared(root, tmp_path / "out").worked_on == 32


def test_what_a_killed_worker_left_is_cleared(root: Path, wanted: str, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        prepared(root, tmp_path / "out", StopsAfter(1), **RULES)
    host = process_name().rpartition("-")[0]
    (tmp_path / f"out.work/photos/.000001.{host}-4194305.tmp.npz").write_bytes(b"half")
    (tmp_path / f"out.work/.settings.{host}-4194305.tmp.json").write_bytes(b"half")
    assert prepared(root, tmp_path / "out", **RULES).pack_hash == wanted
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_photos_that_were_replaced_in_place_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_photos(tmp_path / "in", {"ann": [1, 1], "bob": [1, 1]})
    marks = {"_target_": "tests.prepare.fakes.MarkDetector"}
    config = composed(f"source.root={root}", f"output={tmp_path / 'out'}", "workers=0")
    config.detector = marks
    monkeypatch.setattr(build, "_named", {marks["_target_"]})  # as if it was typed
    before = prepare_pack(config)
    assert prepare_pack(config) == before
    photo = root / "bob/01.png"
    os.utime(photo, ns=(0, photo.stat().st_mtime_ns + 1))
    with pytest.raises(ConfigError, match=r"made with other photos than this run has.*or overwrite=true"):
        prepare_pack(config)
    config.overwrite = True
    assert prepare_pack(config).pack_hash == before.pack_hash
