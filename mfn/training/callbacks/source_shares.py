"""What each of several sources has of a run: images seen, images broken, and how many are recognised."""

import logging
from typing import Any

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from mfn.ranks import from_all
from mfn.sources.several import SeveralFaces
from mfn.training.looks import figures_are_read

log = logging.getLogger(__name__)


class SourceShares(Callback):
    """Counts the images of each source in an epoch, where there are several; else it does nothing.

    Beside ``train/accuracy`` it logs ``train/accuracy_SOURCE`` of the images of a batch that are of the source, and at
    the end of an epoch ``train/images_SOURCE`` and ``train/broken_SOURCE``, of all processes.
    """

    def __init__(self) -> None:
        self._source: SeveralFaces | None = None
        self._counts = np.zeros((2, 0), np.int64)
        self._untold = np.zeros((2, 0), np.int64)
        self._figures = False

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Finds out whether there are several."""
        source = trainer.datamodule.source  # type: ignore[attr-defined]
        self._source = source if isinstance(source, SeveralFaces) else None
        if self._source is not None:
            self._counts = np.zeros((2, len(self._source.parts)), np.int64)
            self._untold = np.zeros_like(self._counts)

    def state_dict(self) -> dict[str, Any]:
        """What was counted so far in the epoch, in all processes."""
        self._gather()
        return {"counts": self._counts.tolist()} if self._source is not None else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on counting."""
        if "counts" in state_dict:
            self._counts = np.array(state_dict["counts"], np.int64)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Counts the images of a batch."""
        if self._source is None:
            return
        self._figures = figures_are_read(trainer)
        for row, positions in enumerate((batch.indices.numpy(), np.array([index for index, _ in batch.broken], int))):
            self._untold[row] += np.bincount(self._source.rows.parts(positions), minlength=len(self._source.parts))

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Logs how many of the images of each source were recognised, where somebody reads it."""
        answers: tuple[Tensor, Tensor] | None = getattr(pl_module, "answers", None)
        if self._source is None or answers is None or not self._figures or not len(answers[1]):
            return
        predicted, labels = answers
        right = predicted == labels.to(predicted.device)
        parts = torch.from_numpy(self._source.rows.parts(batch.indices.numpy()))
        for part, name in enumerate(self._source.parts):
            if (rows := torch.nonzero(parts == part).flatten()).numel():
                accuracy = right[rows.to(right.device)].float().mean()
                pl_module.log(f"train/accuracy_{name}", accuracy, batch_size=rows.numel())

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tells how many images each source had of the epoch."""
        if self._source is None:
            return
        self._gather()
        images, broken = self._counts.tolist()
        told: list[str] = []
        for name, seen, lost in zip(self._source.parts, images, broken, strict=True):
            pl_module.log(f"train/images_{name}", float(seen))
            pl_module.log(f"train/broken_{name}", float(lost))
            share = f"{seen:,} images of {name} ({seen / max(1, sum(images)):.1%})"
            told.append(f"{share}, {lost:,} broken" if lost else share)
        if trainer.is_global_zero:
            log.info("epoch %d: %s", trainer.current_epoch, "; ".join(told))
        self._counts[:] = 0

    def _gather(self) -> None:
        if self._source is not None:
            self._counts += sum(from_all(self._untold))
            self._untold = np.zeros_like(self._counts)
