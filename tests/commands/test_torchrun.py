"""Commands in processes that torchrun starts: one speaks and writes, and the figures are those of one process."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.scripts import ROOT, TINY, run_script

pytestmark = pytest.mark.slow


def torchrun(here: Path, script: str, *words: str, status: int = 0) -> str:
    """What two processes write, but for torchrun's own words."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TORCH_CPP_LOG_LEVEL": "ERROR"}
    done = subprocess.run(
        [*command, str(ROOT / f"{script}.py"), *words],
        cwd=here,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=280,
    )
    assert (done.returncode != 0) == (status != 0), done.stdout
    return re.split(r"[^\n]*torch\.distributed\.elastic|Traceback[^\n]*\n  File \"<frozen runpy>", done.stdout)[0]


def write_faces(folder: Path) -> None:
    draw = np.random.default_rng(0)
    people = draw.integers(0, 256, (4, 32, 32, 3), np.uint8)
    for number in range(24):
        file = folder / f"person{number % 4}" / f"{number:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        noise = draw.integers(0, 120, (32, 32, 3), np.uint8)
        cv2.imwrite(str(file), cv2.addWeighted(people[number % 4], 0.6, noise, 0.8, 0))
    pairs = [(a, a + 4 * (1 + a % 3), True) for a in range(12)] + [(a, a + 1 + a % 3, False) for a in range(12)]
    lines = [f"person{a % 4}/{a:02}.png person{b % 4}/{b:02}.png {int(same)}\n" for a, b, same in pairs * 2]
    (folder / "pairs.txt").write_text("".join(lines))


def figures(folder: Path) -> dict[str, float]:
    (judged,) = json.loads((folder / "report.json").read_text())["sets"].values()
    return {name: value for name, value in judged.items() if isinstance(value, float)}


def test_they_train_and_judge_as_one(tmp_path: Path) -> None:
    write_faces(tmp_path / "faces")
    said = torchrun(tmp_path, "train", *TINY[:-4], "trainer=ddp_multinode", "trainer.max_epochs=1", "logger=csv")
    assert said.count("Parameter groups") == 1 and said.count("next:") == 1
    (run,) = (tmp_path / "outputs").glob("*/*")
    assert json.loads((run / "summary.json").read_text())["steps"] == 4
    model = f"model_path={run / 'checkpoints' / 'last.ckpt'}"
    judged = [model, "benchmark=file", "benchmark.root=faces/pairs.txt", "check_contract=true", "batch_size=5"]
    said = torchrun(tmp_path, "evaluate", *judged, "cache=kept", "hydra.run.dir=two")
    assert said.count("Verification of") == said.count("written:") == said.count("contract check:") == 1
    run_script("evaluate", *judged, "hydra.run.dir=one", cwd=tmp_path)
    assert figures(tmp_path / "two") == pytest.approx(figures(tmp_path / "one"), rel=1e-4, abs=1e-5)
    assert {file.name for file in (tmp_path / "outputs").iterdir()} == {run.parent.name}
    (tmp_path / "faces" / "person3" / "23.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    said = torchrun(tmp_path, "evaluate", *judged, "hydra.run.dir=three", status=1)
    assert said.count("error:") == 1 and "23.png" in said and "Traceback" not in said


def test_what_makes_no_sense_is_said_once(tmp_path: Path) -> None:
    said = torchrun(tmp_path, "train", *TINY, status=1)
    assert said.count("error:") == 1
    assert "torchrun has started 2 processes on each of 1 machine, and trainer.devices=1" in said
    said = torchrun(tmp_path, "train", "-m", *TINY, "seed=1,2", status=1)
    assert said.count("error:") == 1 and "each of which would run the whole sweep" in said
    assert not (tmp_path / "outputs").exists()
