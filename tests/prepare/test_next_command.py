"""The command that `mfn prepare` prints last trains on what was just written."""

import logging
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from mfn.cli import main
from mfn.prepare.next_command import command
from mfn.training import train
from tests.composing import CONF

QUICK = ("model.width=0.25", "trainer.max_steps=2", "trainer=cpu", "data.num_workers=0")


def write_crops(root: Path, people: int, images: int, size: tuple[int, int] = (112, 112)) -> Path:
    rng = np.random.default_rng(0)
    for person in range(people):
        (root / f"p{person:03d}").mkdir(parents=True)
        for number in range(images):
            pixels = cv2.resize(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8), size[::-1])
            cv2.imwrite(str(root / f"p{person:03d}/{number}.png"), pixels)
    return root


def printed(caplog: pytest.LogCaptureFixture, root: Path, output: Path, *words: str) -> list[str]:
    """The commands that a run ends with."""
    names = [command("", {"source.root": str(root), "output": str(output)}).strip()]
    with caplog.at_level(logging.INFO):
        main(["prepare", "split", *shlex.split(" ".join(names)), "workers=0", *words])
    return caplog.messages[-1].removeprefix("next:\n").splitlines()


def trained(line: str, run: Path) -> float:
    """Trains two steps as the printed words say."""
    words = shlex.split(line)
    assert words[:2] == ["python", "train.py"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", [*words[2:], *QUICK, f"paths.output='{run}'", "logger=[csv]"])
    return train(config)


@pytest.mark.parametrize("people", [2, 5, 24, 200])
@pytest.mark.parametrize("images", [1, 2, 8])
@pytest.mark.parametrize("held_out", [0, 0.5])
def test_it_trains(tmp_path: Path, caplog: pytest.LogCaptureFixture, people: int, images: int, held_out: float) -> None:
    if people * images > 500 or (people == 2 and held_out):
        pytest.skip("nothing new in it")
    root = write_crops(tmp_path / "in", people, images)
    split = f"split.held_out_identities={held_out}"
    (line,) = printed(caplog, root, tmp_path / "out", split, "clean.duplicate_distance=null")
    trained(line, tmp_path / "run")
    judged_on_pack = (tmp_path / "out/held_out.bin").exists()
    assert judged_on_pack == ("benchmark.root" in line)
    if judged_on_pack or "data.val_identities=0 " not in f"{line} ":
        assert (tmp_path / "run/checkpoints/best.ckpt").exists()
