"""Runs on several sources: what the log says of each, and going on after a stop."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import pytest
from lightning import Callback, Trainer

from mfn.checkpoint.format import weights_hash
from mfn.data.datamodule import FaceDataModule
from mfn.packs.pack_writer import PackWriter
from mfn.sources.several import SeveralFaces
from mfn.synthetic.dataset import SyntheticFaces
from mfn.training.callbacks.source_shares import SourceShares
from tests.scripts import ROOT, run_script
from tests.small_run import SIZE, small_recognizer, small_trainer
from tests.training.test_resume import KeepAll

BROKEN = b"\xff\xd8\xff no more"
QUICK = (
    "image_size=[32,32]",
    "model.width=0.125",
    "data.batch_size=8",
    "trainer=cpu",
    "trainer.max_epochs=3",
    "trainer.log_every_n_steps=1",
    "callbacks.last_checkpoint.every_n_steps=1",
    "callbacks.broken_images.max_share=0.5",
    "logger=csv",
)


def encoded(image: Any) -> bytes:
    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()


def write_sets(root: Path) -> list[str]:
    """A pack of 80 images, of which 2 are broken, and a folder of 60 with people of two names of the pack."""
    one, two = SyntheticFaces(10, 8, SIZE, 0), SyntheticFaces(10, 6, SIZE, 1)
    with PackWriter(root / "pack", SIZE, label_names=[f"p{label}" for label in range(10)]) as writer:
        for index, label in enumerate(one.labels.tolist()):
            writer.add(label, BROKEN if index in (9, 33) else encoded(one.image(index)))
    for index, label in enumerate(two.labels.tolist()):
        place = root / "people" / f"p{label + 8}" / f"{index}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(encoded(two.image(index)))
    return ["data=[ms1m,folder]", "data.sources.ms1m.root=pack", "data.sources.folder.root=people"]


def data_of(weights: dict[str, float | None] | None = None, merge: Any = "apart") -> FaceDataModule:
    sources: dict[str, Any] = {"one": SyntheticFaces(8, 6, SIZE, 0), "two": SyntheticFaces(8, 4, SIZE, 1)}
    for source in sources.values():
        source.label_names = {label: f"p{label}" for label in range(8)}
    data = FaceDataModule(
        SeveralFaces(sources, merge),
        image_size=SIZE,
        batch_size=8,
        num_workers=0,
        val_identities=0.25,
        val_pairs=40,
        weights=weights,
    )
    data.setup()
    return data


class Seen(Callback):
    """What a run logs at the end of each epoch."""

    def __init__(self) -> None:
        self.figures: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer: Trainer, *_: Any) -> None:
        self.figures.append({key: float(value) for key, value in trainer.callback_metrics.items()})


Ended = tuple[str, list[dict[str, float]]]
"""Hash of the weights, and what each epoch logs."""


def fit(folder: Path, data: FaceDataModule, ckpt_path: Path | None = None, *more: Callback, **options: Any) -> Ended:
    seen = Seen()
    recognizer = small_recognizer(data)
    trainer = small_trainer([SourceShares(), *more, seen], folder, **options)
    trainer.fit(recognizer, datamodule=data, ckpt_path=ckpt_path, weights_only=True)
    return weights_hash(recognizer.state_dict()), seen.figures


@pytest.mark.parametrize(("weights", "images"), [(None, [36, 24]), ({"one": 0.25}, [15, 45])])
def test_each_source_has_its_part_of_the_log(tmp_path: Path, weights: Any, images: list[int]) -> None:
    _, figures = fit(tmp_path, data_of(weights))
    for figure in figures:
        # 7 whole batches of 60 images
        assert figure["train/images_one"] + figure["train/images_two"] == 56
        assert abs(figure["train/images_one"] - images[0]) <= 4 and figure["train/broken_one"] == 0
        assert 0 <= figure["train/accuracy_one"] <= 1 and "train/accuracy_two" in figure
    assert {"val/held_out/accuracy_one", "val/held_out/accuracy_two", "val/held_out/accuracy"} <= figures[-1].keys()


def test_one_source_has_nothing_of_its_own(tmp_path: Path) -> None:
    data = FaceDataModule(SyntheticFaces(8, 6, SIZE), image_size=SIZE, batch_size=8, num_workers=0, val_identities=0.0)
    data.setup()
    _, figures = fit(tmp_path, data, max_epochs=1)
    assert not [key for key in figures[0] if "_one" in key or (key.startswith("train/images_") and "second" not in key)]


@pytest.mark.slow
@pytest.mark.parametrize("weights", [None, {"two": 0.75}, {"one": 1.0, "two": 1.0}])
@pytest.mark.parametrize("merge", ["apart", "by_name"])
def test_a_stopped_run_ends_with_the_same_weights_and_counts(tmp_path: Path, weights: Any, merge: Any) -> None:
    whole, figures = fit(tmp_path, data_of(weights, merge), None, KeepAll(tmp_path))
    checkpoints = sorted(tmp_path.glob("*.ckpt"))
    assert len(checkpoints) >= 10
    for checkpoint in checkpoints[::4]:
        again, after = fit(tmp_path, data_of(weights, merge), checkpoint)
        assert again == whole, checkpoint.name
        if after:
            counts = [key for key in figures[-1] if key.startswith(("train/images_", "train/broken_"))]
            assert len(counts) == 4, checkpoint.name
            assert [figures[-1][key] for key in counts] == [after[-1][key] for key in counts], checkpoint.name


@pytest.mark.slow
def test_killed_for_real_and_resumed_by_the_script(tmp_path: Path) -> None:
    words = [*write_sets(tmp_path), "data.weights.folder=0.6", *QUICK]
    command, environment = [sys.executable, str(ROOT / "train.py")], os.environ | {"OMP_NUM_THREADS": "1"}
    done = run_script("train", *words, "data.num_workers=0", "hydra.run.dir=whole", cwd=tmp_path)
    assert "60.0% of an epoch" in done.output and " broken; " in done.output
    broken = tmp_path / "stopped"
    victim = subprocess.Popen(
        [*command, *words, "data.num_workers=2", f"hydra.run.dir={broken}"], env=environment, cwd=tmp_path
    )
    deadline, log = time.monotonic() + 240, broken / "train.log"
    while not (log.exists() and "step 16/" in log.read_text()):
        assert victim.poll() is None, "ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    victim.send_signal(signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL and not (broken / "summary.json").exists()
    last = f"ckpt_path={broken / 'checkpoints' / 'last.ckpt'}"
    other = run_script("train", last, "data.weights.folder=0.5", cwd=tmp_path, status=1)
    assert "data.weights" in other.last_line
    run_script("train", last, "data.num_workers=1", cwd=tmp_path)
    weights = [json.loads((tmp_path / run / "summary.json").read_text())["weights"] for run in ("whole", "stopped")]
    assert weights[0] == weights[1]
    with (broken / "broken_images.csv").open(newline="") as file:
        assert all(row["image"].startswith("ms1m: train.rec record ") for row in csv.DictReader(file))


@pytest.mark.slow
def test_two_processes_and_a_sweep(tmp_path: Path) -> None:
    words = [*write_sets(tmp_path), *QUICK, "data.num_workers=0", "trainer.max_epochs=1", "data.merge=by_name"]
    two = ("trainer.devices=2", "trainer.strategy=ddp", "data.batch_size=4")
    done = run_script("train", *words, *two, "data.weights.ms1m=0.5", "hydra.run.dir=two", cwd=tmp_path)
    assert "people of several sources" in done.output and done.output.count("epoch 0: ") == 1
    done = run_script("train", "-m", *words, "data.weights.ms1m=0.2,0.8", "hydra.sweep.dir=swept", cwd=tmp_path)
    assert "20.0% of an epoch" in done.output and "80.0% of an epoch" in done.output
