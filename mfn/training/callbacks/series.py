"""Checkpoints of a run every so often, whatever they are worth."""

import re
from pathlib import Path
from typing import Any

from lightning import Trainer

from mfn.errors import ConfigError
from mfn.training.callbacks.safe_points import SafePoints

_NAME = re.compile(r"(epoch\d{4,}|step\d{7,})\.ckpt")
"""Of the files that are removed again: a checkpoint of somebody else's cannot name others."""


class CheckpointSeries(SafePoints):
    """Saves ``epoch0005.ckpt`` every so many epochs, or ``step0002000.ckpt`` every so many steps, and keeps the newest.

    Args:
        folder: Where they go.
        every_n_epochs: Epochs between two; None saves by steps alone.
        every_n_steps: Optimiser steps between two; None saves by epochs alone.
        keep: How many stay; None keeps all.

    Raises:
        ConfigError: A number is not positive, or neither says when to save.
    """

    def __init__(
        self,
        folder: Path | str,
        every_n_epochs: int | None = 5,
        every_n_steps: int | None = None,
        keep: int | None = None,
    ) -> None:
        super().__init__()
        numbers = [number for number in (every_n_epochs, every_n_steps, keep) if number is not None]
        if min(numbers, default=0) < 1 or every_n_epochs == every_n_steps == None:  # noqa: E711
            raise ConfigError(
                "callbacks.series: every_n_epochs or every_n_steps must say when to save, and all three numbers be at "
                f"least 1, got {every_n_epochs}, {every_n_steps} and keep={keep}"
            )
        self.folder = Path(folder)
        self.every_n_epochs = every_n_epochs
        self.every_n_steps = every_n_steps
        self.keep = keep
        self._names: list[str] = []

    def state_dict(self) -> dict[str, Any]:
        """The files that are there, the oldest first."""
        return {"names": list(self._names)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on counting them."""
        self._names = [name for name in state_dict["names"] if _NAME.fullmatch(name)]

    def after_step(self, trainer: Trainer, before_validation: bool = False) -> None:
        """Saves when it is time by steps."""
        if self.every_n_steps and trainer.global_step % self.every_n_steps == 0:
            self._save(trainer, f"step{trainer.global_step:07d}.ckpt")

    def after_epoch(self, trainer: Trainer) -> None:
        """Saves when it is time by epochs."""
        epoch = trainer.current_epoch + 1
        if self.every_n_epochs and epoch % self.every_n_epochs == 0:
            self._save(trainer, f"epoch{epoch:04d}.ckpt")

    def _save(self, trainer: Trainer, name: str) -> None:
        self._names = [*(other for other in self._names if other != name), name]
        dropped = self._names[: -self.keep] if self.keep else []
        self._names = self._names[len(dropped) :]
        trainer.save_checkpoint(self.folder / name)
        for other in dropped if trainer.is_global_zero else ():
            (self.folder / other).unlink(missing_ok=True)
