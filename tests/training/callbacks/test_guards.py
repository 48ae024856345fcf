import csv
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback, Trainer
from torch import nn

from mfn.errors import BrokenImageError, ConfigError, DataError, MfnError
from mfn.heads.arcface import ArcFaceHead
from mfn.heads.softmax import SoftmaxHead
from mfn.heads.staged import StagedHead
from mfn.training.callbacks.advance_head import AdvanceHead
from mfn.training.callbacks.guards import BrokenImages, NonFiniteGuard, are_finite
from mfn.training.callbacks.last_checkpoint import LastCheckpoint
from tests.small_run import small_data, small_recognizer, small_trainer


def fit(folder: Path, callbacks: list[Callback], broken: tuple[int, ...] = (), **options: Any) -> Trainer:
    data = small_data()
    image = data.source.image

    def sometimes(index: int) -> Any:
        if index in broken:
            raise BrokenImageError(f"image {index} is cut short")
        return image(index)

    data.source.image = sometimes  # type: ignore[method-assign]
    trainer = small_trainer(callbacks, folder, **options)
    trainer.fit(small_recognizer(data), datamodule=data)
    return trainer


def training_indices(count: int) -> tuple[int, ...]:
    """Some images that train, whatever the split."""
    data = small_data()
    batch = next(iter(data.train_dataloader()))
    return tuple(batch.indices[:count].tolist())


def test_broken_images_are_skipped_counted_and_listed_once(tmp_path: Path) -> None:
    guard = BrokenImages(tmp_path / "broken.csv", max_share=0.1)
    broken = training_indices(2)
    trainer = fit(tmp_path, [guard], broken, max_epochs=4)
    assert trainer.global_step == 16
    with (tmp_path / "broken.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(int(row["index"]) for row in rows) == sorted(broken)
    assert all("cut short" in row["reason"] for row in rows)
    assert all(row["image"].startswith("synthetic") for row in rows)


def test_too_many_broken_images_stop_the_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"4 broken images.*more than 10\.00%.*broken\.csv"):
        fit(tmp_path, [BrokenImages(tmp_path / "broken.csv", max_share=0.1)], training_indices(4))


def test_a_batch_of_broken_images_only_is_passed_over(tmp_path: Path) -> None:
    trainer = fit(tmp_path, [BrokenImages(tmp_path / "broken.csv", max_share=1)], training_indices(8))
    assert trainer.global_step == 8


def test_the_first_loss_that_is_not_finite_names_its_batch(tmp_path: Path) -> None:
    class Poison(Callback):
        def on_train_batch_start(self, trainer: Trainer, module: Any, batch: Any, batch_idx: int) -> None:
            if batch_idx == 2:
                self.batch = batch.indices.tolist()
                with torch.no_grad():
                    module.head.weight.fill_(float("nan"))

    poison = Poison()
    with pytest.raises(MfnError, match=r"loss became nan at step 3 .*lower optimizer\.lr") as stop:
        fit(tmp_path, [poison, NonFiniteGuard()])
    source = small_data().source
    for index in poison.batch:
        assert source.describe(index) in str(stop.value)


class Spoil(Callback):
    """Makes the weights no numbers before or after the third step of an epoch of four."""

    def __init__(self, after: bool = False) -> None:
        self.after = after

    def on_train_batch_start(self, trainer: Trainer, module: Any, batch: Any, batch_idx: int) -> None:
        self.spoil(module, batch, batch_idx, not self.after)

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.spoil(module, batch, batch_idx, self.after)

    def spoil(self, module: Any, batch: Any, batch_idx: int, now: bool) -> None:
        if batch_idx == 2 and now:
            self.batch = batch.indices.tolist()
            with torch.no_grad():
                module.head.weight[0, 0] = float("nan")


@pytest.mark.parametrize("looks_at", ["every batch", "the end of the epoch", "a checkpoint"])
def test_a_late_look_still_names_the_first_bad_batch(tmp_path: Path, looks_at: str) -> None:
    spoil, guard = Spoil(), NonFiniteGuard(None if looks_at == "every batch" else 100)
    last = LastCheckpoint(tmp_path, every_n_steps=4 if looks_at == "a checkpoint" else 1000)
    reached: list[int] = []

    class Watch(Callback):
        def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
            reached.append(trainer.global_step)

    with pytest.raises(MfnError, match=r"loss became nan at step 3 \(epoch 0\)") as stop:
        fit(tmp_path, [spoil, Watch(), guard, last])
    source = small_data().source
    assert all(source.describe(index) in str(stop.value) for index in spoil.batch)
    assert reached[-1] == (3 if looks_at == "every batch" else 4)
    assert not last.path.exists()


@pytest.mark.parametrize("every_n_steps", [None, 100])
def test_no_checkpoint_has_weights_that_are_no_numbers(tmp_path: Path, every_n_steps: int | None) -> None:
    spoil = Spoil(after=True)
    last = LastCheckpoint(tmp_path, every_n_steps=1)
    with pytest.raises(MfnError, match=r"the loss was \d.*the weights became no numbers at step 3") as stop:
        fit(tmp_path, [spoil, NonFiniteGuard(every_n_steps), last])
    assert all(small_data().source.describe(index) in str(stop.value) for index in spoil.batch)
    saved = torch.load(last.path, weights_only=True)
    assert saved["global_step"] == 2
    assert all(torch.isfinite(value).all() for value in saved["state_dict"].values())


def test_statistics_of_batch_normalisation_count_as_weights() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    assert are_finite(network)
    network.get_buffer("1.running_var")[0] = float("inf")
    assert not are_finite(network)
    assert are_finite(nn.ReLU())


@pytest.mark.parametrize(
    "made",
    [
        lambda folder: NonFiniteGuard(0),
        lambda folder: BrokenImages(folder, every_n_steps=0),
        lambda folder: LastCheckpoint(folder, ask_every_n_steps=-1),
    ],
)
def test_looks_come_after_at_least_one_batch(tmp_path: Path, made: Any) -> None:
    with pytest.raises(ConfigError, match="must be at least 1, or null"):
        made(tmp_path)


def staged(num_classes: int) -> StagedHead:
    return StagedHead(32, num_classes, SoftmaxHead, lambda dim, count: ArcFaceHead(dim, count, 16, 0.2))


@pytest.mark.parametrize(
    ("advance", "after"),
    [(AdvanceHead(at_step=3), 3), (AdvanceHead(patience=1, every_n_steps=2, min_improvement=0.99), 4)],
)
def test_the_head_advances_by_step_or_when_the_loss_stalls(tmp_path: Path, advance: AdvanceHead, after: int) -> None:
    stages: list[bool] = []

    class Watch(Callback):
        def on_train_batch_start(self, trainer: Trainer, module: Any, *_: Any) -> None:
            stages.append(module.head.current is module.head.second)

    data = small_data()
    recognizer = small_recognizer(data, head=staged(data.num_classes))
    small_trainer([advance, Watch()], tmp_path).fit(recognizer, datamodule=data)
    assert stages == [step >= after for step in range(8)]


def test_a_head_with_one_stage_cannot_advance(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="head=softmax_then_arcface"):
        fit(tmp_path, [AdvanceHead(at_step=3)])
