"""The commands that `mfn prepare` prints last do what they say, typed as they stand."""

import logging
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest

from mfn.commands.main import main
from mfn.config.quoting import quoted_override
from tests.scripts import run_script

QUICK = ("model.width=0.125", "trainer.max_steps=2", "trainer=cpu", "data.num_workers=0", "logger=csv")


def write_crops(root: Path, people: int, images: int, size: tuple[int, int] = (112, 112)) -> Path:
    rng = np.random.default_rng(0)
    for person in range(people):
        (root / f"p{person:03d}").mkdir(parents=True)
        for number in range(images):
            pixels = cv2.resize(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8), size[::-1])
            cv2.imwrite(str(root / f"p{person:03d}/{number}.png"), pixels)
    return root


def printed(caplog: pytest.LogCaptureFixture, root: Path, output: Path, *words: str) -> list[str]:
    """What a run ends with."""
    places = (quoted_override("source.root", str(root)), quoted_override("output", str(output)))
    with caplog.at_level(logging.INFO):
        main(["prepare", "split", *places, "workers=0", *words])
    return caplog.messages[-1].removeprefix("next:\n").splitlines()


def train(line: str, folder: Path, *more: str) -> Path:
    """Trains two steps as the printed words say; returns where the checkpoints are."""
    words = shlex.split(line)
    assert words[:2] == ["python", "train.py"]
    run = folder / "run"
    run_script("train", *words[2:], *QUICK, f"hydra.run.dir='{run}'", *more, cwd=folder)
    assert (run / "checkpoints/last.ckpt").exists()
    return run / "checkpoints"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("people", "images", "held_out", "is_judged"),
    [(2, 1, 0, False), (24, 1, 0, False), (24, 2, 0, True), (24, 2, 0.5, True)],
)
def test_it_trains_on_small_packs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, people: int, images: int, held_out: float, is_judged: bool
) -> None:
    root = write_crops(tmp_path / "in", people, images)
    (line,) = printed(caplog, root, tmp_path / "out", f"split.held_out_identities={held_out}")
    assert ("benchmark.root" in line) == (tmp_path / "out/held_out.bin").exists() == (held_out > 0)
    assert (train(line, tmp_path) / "best.ckpt").exists() == is_judged


@pytest.mark.slow
def test_it_trains_on_folders_under_an_awkward_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = write_crops(tmp_path / "my photos (2), a=b", 4, 3)
    (line,) = printed(caplog, root, tmp_path / 'it\'s "mine"', "format=folder")
    train(line, tmp_path)


@pytest.mark.slow
def test_photos_that_are_no_crops_get_a_command_that_aligns_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_crops(tmp_path / "in", 4, 3, size=(160, 128))
    training, aligning = printed(caplog, root, tmp_path / "out")
    assert "image_size=[160,128]" in training
    train(training, tmp_path)
    words = shlex.split(aligning, comments=True)
    assert words[:2] == ["mfn", "prepare"]
    with caplog.at_level(logging.INFO):
        main([*words[1:], "workers=0", "align.missing=centre"])  # there are no faces in these photos
    assert (tmp_path / "out-aligned/train.rec").exists() and "image_size" not in caplog.messages[-1]


def test_one_person_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (sentence,) = printed(caplog, write_crops(tmp_path / "in", 1, 4), tmp_path / "out")
    assert sentence == "it cannot be trained on: it holds one person, and telling people apart needs two"
