from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback, Trainer

from mfn.training.schedules import MultiStep, Plateau
from tests.small_run import SIZE, small_data, small_recognizer, small_trainer


def fitted(tmp_path: Path, callbacks: list[Callback] | None = None, **options: Any) -> Any:
    data = small_data()
    trainer_options = {key: options.pop(key) for key in ("precision", "max_epochs") if key in options}
    recognizer = small_recognizer(data, **options)
    small_trainer(callbacks or [], tmp_path, **trainer_options).fit(recognizer, datamodule=data)
    return recognizer


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_training_turns_the_embeddings_towards_their_centres(tmp_path: Path, precision: str) -> None:
    angles: list[float] = []

    class Watch(Callback):
        def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
            angles.append(float(trainer.callback_metrics["train/target_angle"]))

    recognizer = fitted(tmp_path, [Watch()], precision=precision, max_epochs=8)
    assert sum(angles[-4:]) / 4 < sum(angles[:4]) / 4 - 5
    assert all(p.isfinite().all() for p in recognizer.parameters())
    assert recognizer.head.weight.dtype == torch.float32


def test_memory_format_and_compilation_leave_names_and_values_alone() -> None:
    data = small_data()
    plain, other = small_recognizer(data), small_recognizer(data, channels_last=False, compile_backbone=True)
    assert list(plain.state_dict()) == list(other.state_dict())
    faces = torch.randint(0, 256, (2, *SIZE, 3), dtype=torch.uint8)
    other.backbone._compiled_call_impl = None
    torch.testing.assert_close(plain.eval()(faces), other.eval()(faces), atol=1e-5, rtol=1e-5)
    assert plain.backbone.features.conv1.conv.weight.is_contiguous(memory_format=torch.channels_last)
    assert other.backbone.features.conv1.conv.weight.is_contiguous()


def test_the_learning_rate_follows_its_schedule(tmp_path: Path) -> None:
    rates: list[float] = []

    class Watch(Callback):
        def on_before_optimizer_step(self, trainer: Trainer, module: Any, optimizer: Any) -> None:
            rates.append(optimizer.param_groups[0]["lr"])

    fitted(tmp_path, [Watch()], schedule=MultiStep(unit="epochs", milestones=(1,), gamma=0.1))
    assert rates == pytest.approx([0.05] * 4 + [0.005] * 4)


def test_a_plateau_lowers_the_learning_rate(tmp_path: Path) -> None:
    schedule = Plateau(monitor="train/loss", mode="max", factor=0.5, patience=0, min_lr=0.01)
    recognizer = fitted(tmp_path, schedule=schedule, max_epochs=6)
    assert recognizer.trainer.optimizers[0].param_groups[0]["lr"] < 0.05


@pytest.mark.slow
def test_the_norm_penalty_shortens_embeddings(tmp_path: Path) -> None:
    data = small_data()
    images = next(iter(data.train_dataloader())).images
    lengths = {}
    for penalty in (0.0, 1.0):
        recognizer = fitted(tmp_path, norm_penalty=penalty, max_epochs=4).train()
        with torch.no_grad():
            lengths[penalty] = float(recognizer(images).norm(dim=1).mean())
    assert lengths[1.0] < 0.8 * lengths[0.0]


def test_two_runs_of_one_seed_are_the_same(tmp_path: Path) -> None:
    first, second = (fitted(tmp_path, dropout=0.2) for _ in range(2))
    for one, other in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other
