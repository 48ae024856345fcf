"""The checkpoints with the best metric: k of them under their own names, and the best as ``best.ckpt``."""

import logging
import math
import os
import re
import shutil
from pathlib import Path
from typing import Any, Literal

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from mfn.errors import ConfigError
from mfn.files.atomic import replacing
from mfn.training.loops import validates

log = logging.getLogger(__name__)

BEST = "best.ckpt"
_NAME = re.compile(r"step\d{7,}_-?\d+\.\d{4}\.ckpt")
"""Of the files that are removed again: a checkpoint of somebody else's cannot name others."""


class BestCheckpoint(Checkpoint):
    """Saves after a validation that is among the best so far; ``best.ckpt`` is always the best one.

    Args:
        folder: Where they go.
        monitor: The metric.
        mode: Whether ``"max"`` or ``"min"`` is best.
        save_top_k: How many to keep. With one there is ``best.ckpt`` alone; with more each has a name such as
            ``step0002000_0.8612.ckpt``, and ``best.ckpt`` is the best of them; -1 keeps all, 0 none.
        every_n_epochs: Only after every so many epochs.

    Attributes:
        best: Value of the metric in ``best.ckpt``, None before there is one.

    Raises:
        ConfigError: A value makes no sense.
    """

    def __init__(
        self,
        folder: Path | str,
        monitor: str,
        mode: Literal["min", "max"] = "max",
        save_top_k: int = 1,
        every_n_epochs: int = 1,
    ) -> None:
        if mode not in ("min", "max") or save_top_k < -1 or every_n_epochs < 1:
            raise ConfigError(
                "callbacks.best_checkpoint: mode must be min or max, save_top_k at least -1 and every_n_epochs at "
                f"least 1, got {mode}, {save_top_k} and {every_n_epochs}"
            )
        self.folder = Path(folder)
        self.monitor = monitor
        self.mode = mode
        self.save_top_k = save_top_k
        self.every_n_epochs = every_n_epochs
        self.best: float | None = None
        self._kept: dict[str, float] = {}

    @property
    def path(self) -> Path | None:
        """The best checkpoint, None before there is one."""
        return None if self.best is None else self.folder / BEST

    def state_dict(self) -> dict[str, Any]:
        """What was best so far. Names are those of files in the folder, wherever that is moved."""
        score = None if self.best is None else torch.tensor(self.best)
        return {"monitor": self.monitor, "mode": self.mode, "best_model_score": score, "kept": dict(self._kept)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on comparing, unless it was another metric."""
        score = state_dict.get("best_model_score")
        if (state_dict.get("monitor"), state_dict.get("mode")) != (self.monitor, self.mode) or score is None:
            return
        self.best = float(score)
        self._kept = {name: value for name, value in state_dict["kept"].items() if _NAME.fullmatch(name)}

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Saves if this is among the best."""
        if not trainer.sanity_checking and trainer.state.fn == "fit":
            self._look(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Looks where nothing is validated."""
        if not validates(trainer):
            self._look(trainer)

    def _look(self, trainer: Trainer) -> None:
        value = float(trainer.callback_metrics.get(self.monitor, math.nan))
        if math.isnan(value) or self.save_top_k == 0 or (trainer.current_epoch + 1) % self.every_n_epochs:
            return
        is_best = self.best is None or self._is_better(value, self.best)
        if is_best:
            self.best = value
        if self.save_top_k == 1:
            if is_best:
                trainer.save_checkpoint(self.folder / BEST)
            return
        if self._is_full() and not self._is_better(value, self._kept[self._worst()]):
            return
        name = f"step{trainer.global_step:07d}_{value:.4f}.ckpt"
        dropped = self._worst() if self._is_full() else None
        self._kept[name] = value
        if dropped is not None:
            del self._kept[dropped]
        trainer.save_checkpoint(self.folder / name)
        if trainer.is_global_zero:
            if dropped is not None:
                (self.folder / dropped).unlink(missing_ok=True)
            if is_best:
                _link(self.folder / name, self.folder / BEST)

    def _is_better(self, value: float, other: float) -> bool:
        return value > other if self.mode == "max" else value < other

    def _is_full(self) -> bool:
        return 0 < self.save_top_k <= len(self._kept)

    def _worst(self) -> str:
        """The oldest of the worst."""
        return (min if self.mode == "max" else max)(self._kept, key=self._kept.__getitem__)


def _link(file: Path, name: Path) -> None:
    """Gives a file a second name, or where the disk knows no links a copy."""
    with replacing(name) as temporary:
        try:
            os.link(file, temporary)
        except OSError:
            shutil.copyfile(file, temporary)
