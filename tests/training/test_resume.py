"""A run that was killed and resumed ends with the very weights of an uninterrupted one."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lightning import Callback, LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import EMAWeightAveraging

from mfn.checkpoint.format import weights_hash
from mfn.errors import CheckpointError
from mfn.heads.elasticface import ElasticFaceHead
from mfn.training.callbacks.best_checkpoint import BestCheckpoint
from mfn.training.callbacks.early_stopping import StopEarly
from mfn.training.callbacks.freeze import FreezeBackbone
from mfn.training.callbacks.last_checkpoint import LastCheckpoint
from mfn.training.callbacks.mean_centres import MeanCentres
from mfn.training.callbacks.safe_points import SafePoints
from mfn.training.schedules import Plateau, Schedule
from tests.small_run import small_data, small_recognizer, small_trainer

ROOT = Path(__file__).resolve().parents[2]


class KeepAll(SafePoints):
    """Saves each optimiser step and each epoch under a name of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def after_step(self, trainer: Trainer, before_validation: bool = False) -> None:
        trainer.save_checkpoint(self.folder / f"step{trainer.global_step}.ckpt")

    def after_epoch(self, trainer: Trainer) -> None:
        trainer.save_checkpoint(self.folder / f"epoch{trainer.current_epoch}.ckpt")


class Hooks(Callback):
    """Takes note of what a run does."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.seen.append(f"epoch {trainer.current_epoch}")

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        self.seen.append(
            (trainer.fit_loop.epoch_loop.total_batch_idx, trainer.fit_loop.epoch_loop._batches_that_stepped)
        )

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.seen.append("validated")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.seen.append("epoch ended")


def run(
    folder: Path,
    options: dict[str, Any],
    callbacks: list[Callback],
    ckpt_path: Path | None = None,
    schedule: Schedule | Plateau | None = None,
) -> tuple[str, int]:
    """Hash of the weights that a run ends with, and its number of steps."""
    data = small_data(
        num_workers=options.get("num_workers", 0), **({"drop_last": False} if "ragged" in options else {})
    )
    settings: dict[str, Any] = {} if schedule is None else {"schedule": schedule}
    if "sample_rate" in options:
        seed_everything(0, verbose=False)
        settings["head"] = ElasticFaceHead(32, data.num_classes, 16.0, 0.2, sample_rate=options["sample_rate"])
    recognizer = small_recognizer(data, dropout=0.2, qat="qat" in options, **settings)
    own = ("num_workers", "ragged", "qat", "sample_rate")
    trainer_options = {key: value for key, value in options.items() if key not in own}
    trainer = small_trainer(callbacks, folder, **trainer_options)
    trainer.fit(recognizer, datamodule=data, ckpt_path=ckpt_path, weights_only=True)
    return weights_hash(recognizer.state_dict()), trainer.global_step


EER = "val/held_out/eer"
PLATEAU = Plateau(monitor=EER, mode="min", factor=0.5, patience=0, min_lr=1e-4)


def averaging() -> list[Callback]:
    return [EMAWeightAveraging(decay=0.9)]


def stopping() -> list[Callback]:
    return [StopEarly(EER, patience=2, mode="max", min_delta=1.0)]


def finetuning() -> list[Callback]:
    return [MeanCentres(), FreezeBackbone(0.6)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "extra", "schedule"),
    [
        ({}, list, None),
        ({}, averaging, None),
        ({}, finetuning, None),
        ({"sample_rate": 0.3}, list, None),
        ({"sample_rate": 0.3, "accumulate_grad_batches": 2, "gradient_clip_val": 1.0}, averaging, None),
        ({"qat": True}, list, None),
        ({"qat": True}, averaging, None),
        ({"accumulate_grad_batches": 2, "gradient_clip_val": 1.0}, list, None),
        ({"accumulate_grad_batches": 3, "ragged": True}, list, None),
        ({"max_epochs": -1, "max_steps": 7}, list, None),
        ({"max_epochs": -1, "max_steps": 8}, list, PLATEAU),
        ({"max_epochs": -1, "max_steps": 9, "limit_val_batches": 0}, list, None),
        ({"max_epochs": -1, "max_steps": 12, "check_val_every_n_epoch": 2}, list, PLATEAU),
        ({"max_epochs": -1, "max_steps": 12, "val_check_interval": 3, "check_val_every_n_epoch": None}, list, PLATEAU),
        ({"max_epochs": 3, "val_check_interval": 3, "check_val_every_n_epoch": None}, stopping, PLATEAU),
        ({"limit_train_batches": 3, "max_epochs": 3}, list, None),
        ({"val_check_interval": 0.5}, list, None),
        ({"num_workers": 2}, list, None),
        ({"max_epochs": 3}, list, PLATEAU),
        ({"val_check_interval": 0.5}, list, PLATEAU),
        ({"val_check_interval": 3, "check_val_every_n_epoch": None, "max_epochs": 3}, list, PLATEAU),
        ({"max_epochs": 4, "check_val_every_n_epoch": 2}, list, PLATEAU),
        ({"max_epochs": 5}, stopping, None),
        ({"max_epochs": 5, "val_check_interval": 0.5}, stopping, PLATEAU),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_resumed_at_any_step_the_weights_are_the_same(
    tmp_path: Path, options: dict[str, Any], extra: Callable[[], list[Callback]], schedule: Plateau | None
) -> None:
    best = BestCheckpoint(tmp_path / "best", EER, save_top_k=-1)
    all_hooks = Hooks()
    uninterrupted = run(tmp_path, options, [*extra(), all_hooks, best, KeepAll(tmp_path)], schedule=schedule)
    checkpoints = sorted([*tmp_path.glob("*.ckpt"), *tmp_path.glob("best/step*.ckpt")])
    assert len(checkpoints) >= 6
    if any(isinstance(callback, EMAWeightAveraging) for callback in extra()):
        # Of a finished run, whose averaged weights Lightning puts in at its end
        checkpoints.remove(tmp_path / "epoch1.ckpt")
    for checkpoint in checkpoints[:: 3 if "num_workers" in options else 2]:
        hooks = Hooks()
        resumed = run(tmp_path, options, [*extra(), hooks, LastCheckpoint(tmp_path / "resumed")], checkpoint, schedule)
        assert resumed == uninterrupted, checkpoint.name
        assert all_hooks.seen[len(all_hooks.seen) - len(hooks.seen) :] == hooks.seen, checkpoint.name


def test_other_data_is_refused(tmp_path: Path) -> None:
    run(tmp_path, {"max_epochs": 1}, [LastCheckpoint(tmp_path)])
    data = small_data(val_identities=0.5)
    trainer = small_trainer([], tmp_path)
    with pytest.raises(CheckpointError, match=r"knows 6 classes, this data has 4.*model_path"):
        trainer.fit(small_recognizer(data), datamodule=data, ckpt_path=tmp_path / "last.ckpt", weights_only=True)


def test_other_pixels_are_refused(tmp_path: Path) -> None:
    run(tmp_path, {"max_epochs": 1}, [LastCheckpoint(tmp_path)])
    data = small_data()
    recognizer = small_recognizer(data)
    recognizer.contract = replace(recognizer.contract, std=(128.0,) * 3)
    with pytest.raises(CheckpointError, match=r"another input contract: std \(127\.5.*against \(128\.0"):
        small_trainer([], tmp_path).fit(
            recognizer, datamodule=data, ckpt_path=tmp_path / "last.ckpt", weights_only=True
        )


@pytest.mark.slow
def test_killed_for_real_and_resumed_by_the_script(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "train.py")]
    options = [
        "image_size=[32,32]",
        "model.width=0.25",
        "model.dropout=0.2",
        "data.source.num_identities=10",
        "data.source.images_per_identity=8",
        "data.batch_size=8",
        "trainer=cpu",
        "trainer.max_epochs=3",
        "trainer.log_every_n_steps=1",
        "callbacks.last_checkpoint.every_n_steps=1",
        "logger=csv",
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}

    def weights(run: Path) -> str:
        return json.loads((run / "summary.json").read_text())["weights"]

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    subprocess.run([*command, *options, f"hydra.run.dir={whole}"], check=True, env=environment, cwd=tmp_path)
    victim = subprocess.Popen(
        [*command, *options, "data.num_workers=2", f"hydra.run.dir={broken}"], env=environment, cwd=tmp_path
    )
    log = broken / "train.log"
    deadline = time.monotonic() + 240
    while not (log.exists() and "step 10/" in log.read_text()):
        assert victim.poll() is None, "ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    victim.send_signal(signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL
    assert not (broken / "summary.json").exists()
    last = broken / "checkpoints" / "last.ckpt"
    subprocess.run([*command, f"ckpt_path={last}", "data.num_workers=1"], check=True, env=environment, cwd=tmp_path)
    assert weights(broken) == weights(whole)
