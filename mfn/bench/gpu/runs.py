"""Training runs as ``mfn train`` makes them, on a few batches that come again, with a clock."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from lightning import Callback, LightningDataModule, LightningModule, Trainer, seed_everything
from omegaconf import DictConfig, open_dict

from mfn.bench.gpu.setting import Setting, wait_for
from mfn.config.compose import composed
from mfn.data.loader import FaceBatch
from mfn.data.transfer import pinned
from mfn.training.assembly import build_recognizer, build_trainer
from mfn.training.checking import check
from mfn.training.fused import trains_on
from mfn.training.process import use_matmul_precision
from mfn.training.recognizer import FaceRecognizer


def configured(setting: Setting, *words: str, saves: bool = False) -> DictConfig:
    """The configuration of a run of so many steps, as ``mfn train`` would have it."""
    config = check(composed("train", [*setting.words, f"trainer.max_steps={setting.steps}", *words]))
    with open_dict(config):
        config.trainer.max_epochs = -1
        del config.callbacks["best_checkpoint"]
        if not saves:
            del config.callbacks["last_checkpoint"]
    return config


def batches(setting: Setting, count: int, classes: int | None = None, seed: int = 0) -> list[FaceBatch]:
    """Batches of noise: what is measured does not depend on what is to be seen."""
    draw = np.random.default_rng(seed)
    shape = (setting.batch, setting.side, setting.side, 3)
    return [
        FaceBatch(
            pinned(draw.integers(0, 256, shape, np.uint8)),
            pinned(draw.integers(classes or setting.classes, size=setting.batch)),
            torch.arange(setting.batch),
            (),
            torch.zeros(setting.batch, dtype=torch.bool),
        )
        for _ in range(count)
    ]


class Again(LightningDataModule):
    """Batches that come again and again, with what a recogniser wants to know of its data.

    Args:
        given: The batches.
        steps: Of an epoch.
        classes: Identities.
    """

    label_names = None
    fingerprint: dict[str, Any]

    def __init__(self, given: Sequence[FaceBatch], steps: int, classes: int) -> None:
        super().__init__()
        self._given = given
        self._steps = steps
        self.num_classes = classes
        self.num_images = steps * len(given[0].labels)
        self.label_map = np.arange(classes)
        self.fingerprint = {}
        self.verification_sets: dict[str, Any] = {}
        self.source = self

    def describe(self, index: int) -> str:
        """Names an image."""
        return f"noise {index}"

    def train_dataloader(self) -> "Again":
        """Itself."""
        return self

    def __len__(self) -> int:
        return self._steps

    def __iter__(self) -> Iterator[FaceBatch]:
        return (self._given[number % len(self._given)] for number in range(self._steps))


class Clock(Callback):
    """Times a run from one batch to its end, the device's work included.

    Attributes:
        seconds: For a step; known after the run.
        losses: Of each step.
    """

    def __init__(self, device: str, warm: int) -> None:
        self._device = device
        self._warm = warm
        self._started = 0.0
        self.seconds = float("nan")
        self.losses: list[float] = []
        self._losses: list[Any] = []

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Starts the clock."""
        if trainer.global_step == self._warm:
            wait_for(self._device)
            self._started = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stops it after the last step."""
        self._losses.append(outputs["loss"].detach())
        if trainer.global_step == trainer.max_steps:
            wait_for(self._device)
            self.seconds = (time.perf_counter() - self._started) / (trainer.max_steps - self._warm)
            self.losses = torch.stack(self._losses).tolist()


def recognizer_of(config: DictConfig, data: Any) -> FaceRecognizer:
    """The recogniser of a configuration, the same at each call."""
    seed_everything(config.seed, workers=False, verbose=False)
    return build_recognizer(config, data)


def fitted(config: DictConfig, recognizer: FaceRecognizer, data: Any, *more: Callback, warm: int = 0) -> Clock:
    """Trains, and gives the clock of the run."""
    use_matmul_precision(config.matmul_precision, trains_on(config))
    clock = Clock(trains_on(config), warm)
    trainer = build_trainer(config)
    trainer.callbacks.extend([*more, clock])  # type: ignore[attr-defined]
    trainer.fit(recognizer, datamodule=data)
    return clock


def timed_run(setting: Setting, *words: str, classes: int | None = None) -> Callable[[], float]:
    """A run whose steps take so many seconds; each call trains on."""
    config = configured(setting, *words)
    warm = 1 if setting.quick else 10
    data = Again(batches(setting, 4, classes), setting.steps, classes or setting.classes)
    recognizer = recognizer_of(config, data)
    return lambda: fitted(config, recognizer, data, warm=warm).seconds
