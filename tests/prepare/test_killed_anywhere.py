"""A run that ends before any one of its writes, by a kill or by a full disk."""

import os
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mfn.errors import DataError
from mfn.prepare.ownership import hashes_of, listed, not_ours
from mfn.prepare.pack_step import PackRules
from mfn.prepare.split_step import SplitShares
from tests.prepare.fakes import write_photos
from tests.prepare.running import prepared

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

KILLED, TOLD, WENT_ON = 9, 7, 3
WRITES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir"}
SPLIT = SplitShares(held_out_identities=0.5)


def kill(event: str) -> None:
    os._exit(KILLED)


def disk_full(event: str) -> None:
    if event in ("open", "os.mkdir"):
        raise OSError(28, "No space left on device")


def from_write(number: int, below: Path, happens: Callable[[str], None]) -> list[int]:
    """Lets something happen at each write to a folder from that of a number on; there is no way back for this process.

    Returns:
        How many writes are still to come until then; below 0 once it happened.
    """
    left = [number]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        is_write = event in WRITES or (event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR))
        if is_write and str(arguments[0]).startswith(str(below)):
            left[0] -= 1
            if left[0] < 0:
                happens(event)

    sys.addaudithook(hook)
    return left


def ends(run: Callable[[], object], number: int, below: Path, happens: Callable[[str], None]) -> int:
    """How a process of its own ends that carries out a run."""
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        left = from_write(number, below, happens)
        run()
        code = WENT_ON if left[0] < 0 else 0
    except (OSError, DataError):
        code = TOLD
    finally:
        os._exit(code)


def content(folder: Path) -> dict[str, str]:
    return hashes_of(folder, [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "happens", "step"),
    [("pack", kill, 1), ("pack", disk_full, 4), ("folder", kill, 5), ("folder", disk_full, 7)],
)
def test_nothing_is_lost_and_the_next_run_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, happens: Callable[[str], None], step: int
) -> None:
    monkeypatch.setattr("mfn.prepare.pipeline.histogram", lambda manifest, path: path.write_bytes(b"quick"))
    root = write_photos(tmp_path / "in", {f"p{i}": [1] * 5 for i in range(4)})
    out, work = tmp_path / "to/out", tmp_path / "to/out.work"
    rules = PackRules(form)
    wanted = prepared(root, tmp_path / "wanted", pack=rules, split=SPLIT).pack_hash
    prepared(root, tmp_path / "old", pack=rules)
    old = content(tmp_path / "old")
    ways = list[int]()
    while 0 not in ways:
        number = step * len(ways)
        shutil.rmtree(tmp_path / "to", ignore_errors=True)
        shutil.copytree(tmp_path / "old", out)
        new = partial(prepared, root, out, pack=rules, split=SPLIT)
        ways.append(ends(partial(new, overwrite=True), number, tmp_path / "to", happens))
        is_old = content(out if out.exists() else work / "old") == old
        assert is_old or (listed(out) and not not_ours(out))
        assert new(overwrite=is_old).pack_hash == wanted
        assert not not_ours(out)
        assert [path.name for path in (tmp_path / "to").iterdir()] == ["out"]
    assert len(ways) * step > 50 and 1 not in ways and {KILLED, TOLD} & {*ways}
