import csv
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback, Trainer

from mfn.errors import BrokenImageError, ConfigError, DataError, MfnError
from mfn.heads.arcface import ArcFaceHead
from mfn.heads.softmax import SoftmaxHead
from mfn.heads.staged import StagedHead
from mfn.training.callbacks.advance_head import AdvanceHead
from mfn.training.callbacks.guards import BrokenImages, NonFiniteGuard
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
    trainer = fit(tmp_path, [guard], broken, max_epochs=2)
    assert trainer.global_step == 8
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
