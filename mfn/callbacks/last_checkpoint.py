"""The checkpoint a stopped run goes on from."""

import logging
import signal
from pathlib import Path
from types import FrameType
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.utilities.exceptions import SIGTERMException

from mfn.errors import ConfigError

log = logging.getLogger(__name__)


class LastCheckpoint(Checkpoint):
    """Saves ``last.ckpt`` every so many steps, after each epoch, and on SIGTERM, which then ends the run.

    It saves only between optimiser steps, so that no half-accumulated gradient is lost.

    Args:
        folder: Where ``last.ckpt`` goes.
        every_n_steps: Optimiser steps between two saves.

    Raises:
        ConfigError: The number of steps is not positive.
    """

    def __init__(self, folder: Path | str, every_n_steps: int = 500) -> None:
        if every_n_steps < 1:
            raise ConfigError(f"callbacks.last_checkpoint.every_n_steps must be positive, got {every_n_steps}")
        self.path = Path(folder) / "last.ckpt"
        self.every_n_steps = every_n_steps
        self._stop_asked = False
        self._step = -1

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes over SIGTERM: Lightning's own handler would end the run in the middle of an accumulation."""
        self._step = trainer.global_step
        signal.signal(signal.SIGTERM, self._ask_to_stop)

    def _ask_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop_asked = True

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Saves when it is time.

        Raises:
            SIGTERMException: The run was asked to stop and is saved.
        """
        if trainer.global_step == self._step:
            return
        self._step = trainer.global_step
        stop = trainer.strategy.reduce_boolean_decision(self._stop_asked, all=False)
        if stop or self._step % self.every_n_steps == 0:
            trainer.save_checkpoint(self.path)
        if stop:
            log.info("stopped by SIGTERM after step %d; saved %s", self._step, self.path)
            raise SIGTERMException

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Saves the finished epoch, after validation."""
        trainer.save_checkpoint(self.path)
