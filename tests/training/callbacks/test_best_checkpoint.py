"""Which checkpoints stay, and which of them is ``best.ckpt``."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback, LightningModule, Trainer

from mfn.checkpoint.format import read_checkpoint
from mfn.training.callbacks.best_checkpoint import BestCheckpoint
from mfn.training.callbacks.last_checkpoint import LastCheckpoint
from mfn.training.callbacks.series import CheckpointSeries
from tests.small_run import small_data, small_recognizer, small_trainer

ACCURACY = (0.5, 0.9, 0.7, 0.8, 0.9, 0.6)


class Told(Callback):
    """Gives each epoch a metric that was thought of before; it comes before those that look at it."""

    def __init__(self, values: tuple[float, ...]) -> None:
        self.values = values

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.callback_metrics["told"] = torch.tensor(self.values[trainer.current_epoch])


def fit(
    folder: Path, epochs: int, best: BestCheckpoint, values: tuple[float, ...] = ACCURACY, ckpt_path: Path | None = None
) -> None:
    data = small_data(val_pairs=20)
    callbacks = [Told(values), best, LastCheckpoint(folder)]
    trainer = small_trainer(callbacks, folder, max_epochs=epochs, limit_train_batches=1)
    trainer.fit(small_recognizer(data), datamodule=data, ckpt_path=ckpt_path, weights_only=True)


def epoch_of(file: Path) -> int:
    return read_checkpoint(file)["epoch"]


def kept(folder: Path) -> set[int]:
    return {epoch_of(file) for file in folder.glob("step*.ckpt")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("k", "mode", "stay", "is_best"),
    [
        (0, "max", set(), None),
        (1, "max", set(), 1),
        (2, "max", {1, 4}, 1),
        (3, "max", {1, 3, 4}, 1),
        (-1, "max", {0, 1, 2, 3, 4, 5}, 1),
        (1, "min", set(), 0),
        (3, "min", {0, 2, 5}, 0),
    ],
)
def test_the_best_stay_and_best_is_the_best(
    k: int, mode: Any, stay: set[int], is_best: int | None, tmp_path: Path
) -> None:
    fit(tmp_path, len(ACCURACY), BestCheckpoint(tmp_path, "told", mode, save_top_k=k))
    assert kept(tmp_path) == stay
    assert (epoch_of(tmp_path / "best.ckpt") if (tmp_path / "best.ckpt").exists() else None) == is_best


@pytest.mark.slow
@pytest.mark.parametrize("moved", [False, True])
def test_a_run_that_goes_on_compares_with_what_was_best(moved: bool, tmp_path: Path) -> None:
    before, now = tmp_path / "before", tmp_path / ("now" if moved else "before")
    fit(before, 3, BestCheckpoint(before, "told", save_top_k=2))
    assert kept(before) == {1, 2}
    if moved:
        shutil.move(before, now)
    fit(now, len(ACCURACY), BestCheckpoint(now, "told", save_top_k=2), ckpt_path=now / "last.ckpt")
    assert kept(now) == {1, 4} and epoch_of(now / "best.ckpt") == 1
    assert not before.exists() or not moved


@pytest.mark.slow
def test_another_metric_begins_anew_and_removes_nothing(tmp_path: Path) -> None:
    fit(tmp_path, 3, BestCheckpoint(tmp_path, "told", save_top_k=2))
    other = BestCheckpoint(tmp_path, "told", "min", save_top_k=2)
    fit(tmp_path, len(ACCURACY), other, ckpt_path=tmp_path / "last.ckpt")
    assert kept(tmp_path) == {1, 2, 3, 5} and epoch_of(tmp_path / "best.ckpt") == 5


def test_only_files_of_its_own_are_removed(tmp_path: Path) -> None:
    best = BestCheckpoint(tmp_path, "told", save_top_k=1)
    best.load_state_dict(
        {"monitor": "told", "mode": "max", "best_model_score": torch.tensor(0.1), "kept": {"../precious.ckpt": 0.0}}
    )
    (tmp_path / "mine.ckpt").write_bytes(b"mine")
    fit(tmp_path / "run", 3, best)
    assert (tmp_path / "mine.ckpt").read_bytes() == b"mine" and not best._kept


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"every_n_epochs": 2}, ["epoch0002.ckpt", "epoch0004.ckpt"]),
        ({"every_n_epochs": 1, "keep": 2}, ["epoch0003.ckpt", "epoch0004.ckpt"]),
        ({"every_n_epochs": None, "every_n_steps": 3}, ["step0000003.ckpt", "step0000006.ckpt"]),
        ({"every_n_epochs": 3, "every_n_steps": 4, "keep": 1}, ["step0000008.ckpt"]),
    ],
    ids=str,
)
@pytest.mark.parametrize("stop", [None, 2])
def test_a_series_is_the_same_when_the_run_was_stopped(
    options: dict[str, Any], names: list[str], stop: int | None, tmp_path: Path
) -> None:
    def train(epochs: int, ckpt_path: Path | None) -> None:
        data = small_data()
        callbacks = [CheckpointSeries(tmp_path / "series", **options), LastCheckpoint(tmp_path)]
        trainer = small_trainer(callbacks, tmp_path, max_epochs=epochs, limit_train_batches=2, limit_val_batches=0)
        trainer.fit(small_recognizer(data), datamodule=data, ckpt_path=ckpt_path, weights_only=True)

    if stop is not None:
        train(stop, None)
    train(4, None if stop is None else tmp_path / "last.ckpt")
    assert sorted(file.name for file in (tmp_path / "series").iterdir()) == names
