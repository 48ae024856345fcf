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
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging
from lightning.pytorch.utilities.exceptions import SIGTERMException

from mfn.callbacks.last_checkpoint import LastCheckpoint
from mfn.checkpoint import weights_hash
from mfn.errors import CheckpointError
from tests.small_run import small_data, small_recognizer, small_trainer

ROOT = Path(__file__).resolve().parents[1]


class KeepEveryStep(LastCheckpoint):
    """Saves each optimiser step under a name of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, every_n_steps=1)
        self.folder = folder

    def on_train_batch_end(self, trainer: Trainer, *arguments: Any) -> None:
        self.path = self.folder / f"step{trainer.global_step}.ckpt"
        super().on_train_batch_end(trainer, *arguments)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The steps are enough."""


def run(folder: Path, options: dict, callbacks: list[Callback], ckpt_path: Path | None = None) -> str:
    data = small_data(num_workers=options.get("num_workers", 0))
    recognizer = small_recognizer(data, dropout=0.2)
    trainer_options = {key: value for key, value in options.items() if key != "num_workers"}
    trainer = small_trainer(callbacks, folder, **trainer_options)
    trainer.fit(recognizer, datamodule=data, ckpt_path=ckpt_path, weights_only=True)
    return weights_hash(recognizer.state_dict())


@pytest.mark.parametrize(
    ("options", "extra"),
    [
        ({}, lambda: []),
        ({}, lambda: [EMAWeightAveraging(decay=0.9)]),
        ({"accumulate_grad_batches": 2, "gradient_clip_val": 1.0}, lambda: []),
        ({"max_epochs": -1, "max_steps": 7}, lambda: []),
        ({"val_check_interval": 0.5}, lambda: []),
        ({"num_workers": 2}, lambda: []),
    ],
    ids=["plain", "ema", "accumulation", "max_steps", "validation in the epoch", "workers"],
)
def test_resumed_at_any_step_the_weights_are_the_same(
    tmp_path: Path, options: dict, extra: Callable[[], list[Callback]]
) -> None:
    uninterrupted = run(tmp_path, options, [KeepEveryStep(tmp_path), *extra()])
    checkpoints = sorted(tmp_path.glob("step*.ckpt"))
    assert len(checkpoints) >= 4
    for checkpoint in checkpoints[:: 3 if "num_workers" in options else 1]:
        resumed = run(tmp_path, options, [LastCheckpoint(tmp_path / "resumed"), *extra()], checkpoint)
        assert resumed == uninterrupted, checkpoint.name


def test_other_data_is_refused(tmp_path: Path) -> None:
    run(tmp_path, {"max_epochs": 1}, [LastCheckpoint(tmp_path)])
    data = small_data(val_identities=0.5)
    trainer = small_trainer([], tmp_path)
    with pytest.raises(CheckpointError, match=r"knows 6 classes, this data has 4.*init_from"):
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


def test_sigterm_saves_and_ends_the_run(tmp_path: Path) -> None:
    class Terminate(Callback):
        def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
            if trainer.global_step == 5:
                os.kill(os.getpid(), signal.SIGTERM)

    uninterrupted = run(tmp_path, {}, [])
    with pytest.raises(SIGTERMException) as stop:
        run(tmp_path, {}, [Terminate(), LastCheckpoint(tmp_path, every_n_steps=1000)])
    assert not stop.value.code
    assert run(tmp_path, {}, [], tmp_path / "last.ckpt") == uninterrupted


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
