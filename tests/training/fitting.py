"""The small run of :mod:`tests.small_run` in one process or in several, and what happened in each step of it."""

import os
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import Tensor

from mfn.checkpoint.format import weights_hash
from mfn.errors import BrokenImageError
from mfn.heads.arcface import ArcFaceHead
from mfn.heads.part import held_by
from mfn.heads.softmax import SoftmaxHead
from mfn.heads.staged import StagedHead
from mfn.training.callbacks.advance_head import AdvanceHead
from mfn.training.callbacks.ema import AveragedWeights
from mfn.training.callbacks.guards import BrokenImages, NonFiniteGuard
from mfn.training.callbacks.last_checkpoint import LastCheckpoint
from mfn.training.synced_norm import SyncedNorms
from mfn.training.together import Together
from tests.gloo import on_ranks
from tests.small_run import small_data, small_recognizer, small_trainer


@dataclass
class Seen:
    """Of one process.

    Attributes:
        losses: Of each batch.
        hashes: Of the network with its statistics, after each batch.
        samples: Positions of the images of each batch.
        gradients: By name, before the first step of the optimiser; those of the class centres are the process's own.
        metrics: Logged last.
    """

    losses: list[float] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    samples: list[list[int]] = field(default_factory=list)
    gradients: dict[str, Tensor] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)


class Look(Callback):
    """Writes down what it sees."""

    def __init__(self) -> None:
        self.seen = Seen()

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Any) -> None:
        if not self.seen.gradients:
            named = pl_module.named_parameters()
            self.seen.gradients = {name: each.grad.clone() for name, each in named if each.grad is not None}

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.seen.losses.append(float((outputs or {}).get("loss", 0.0)))
        self.seen.hashes.append(weights_hash(pl_module.backbone.state_dict()))
        self.seen.samples.append(batch.indices.tolist())

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.seen.metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}


class Stop(Checkpoint):
    """Ends all processes once a step is saved, as a signal does; Lightning calls it after what is no `Checkpoint`."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(self, trainer: Trainer, *_: Any, **__: Any) -> None:
        if trainer.global_step == self.step:
            raise SIGTERMException


def staged(embedding_dim: int, num_classes: int) -> StagedHead:
    second = partial(ArcFaceHead, scale=16, margin=0.2)
    return StagedHead(embedding_dim, num_classes, SoftmaxHead, second)


def fit(
    rank: int,
    size: int,
    folder: Path,
    *,
    head: str = "arcface",
    synced: bool = True,
    data: dict[str, Any] | None = None,
    trainer: dict[str, Any] | None = None,
    broken: tuple[int, ...] = (),
    go_on: Path | None = None,
    ema: bool = False,
    stop: int = -1,
) -> Seen:
    """One process of a run, which saves ``last.ckpt`` in a folder after each step."""
    if size > 1:
        numbers = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size, "GROUP_RANK": 0}
        os.environ.update({name: str(number) for name, number in numbers.items()} | {"TORCHELASTIC_RUN_ID": "test"})
    faces = small_data(**data or {})
    image = faces.source.image

    def sometimes(index: int) -> np.ndarray:
        if index in broken:
            raise BrokenImageError(f"image {index} is cut short")
        return image(index)

    faces.source.image = sometimes  # type: ignore[method-assign]
    make = staged if head == "staged" else partial(ArcFaceHead, scale=16, margin=0.2)
    torch.manual_seed(1)
    with held_by(rank, size):
        recognizer = small_recognizer(faces, head=make(32, faces.num_classes))
    look = Look()
    callbacks: list[Callback] = [look, NonFiniteGuard(), BrokenImages(folder / "broken.csv", 1.0)]
    callbacks += [AdvanceHead(at_step=3)] * (head == "staged") + [AveragedWeights(decay=0.5)] * ema
    options: dict[str, Any] = {"devices": size, "strategy": Together()} if size > 1 else {}
    options |= {"plugins": [SyncedNorms()] if synced else [], "max_epochs": 2} | (trainer or {})
    run = small_trainer([*callbacks, LastCheckpoint(folder, every_n_steps=1), Stop(stop)], folder, **options)
    with pytest.raises(SIGTERMException) if stop > 0 else nullcontext():
        run.fit(recognizer, datamodule=faces, ckpt_path=go_on, weights_only=True)
    return look.seen


def fits(size: int, folder: Path, **options: Any) -> list[Seen]:
    """What each process of a run has seen."""
    folder.mkdir(exist_ok=True)
    return on_ranks(size, partial(fit, **options), folder)


def state_of(folder: Path) -> dict[str, Any]:
    """The weights that a run has saved last."""
    return torch.load(folder / "last.ckpt", weights_only=True)["state_dict"]
