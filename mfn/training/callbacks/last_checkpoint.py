"""The checkpoint a stopped run goes on from."""

import logging
from pathlib import Path
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.utilities.exceptions import SIGTERMException

from mfn.errors import ConfigError
from mfn.files.atomic import clear_left_behind
from mfn.ranks import on_any, ranks
from mfn.training.callbacks.safe_points import SafePoints
from mfn.training.callbacks.stop_signals import StopSignals
from mfn.training.looks import between_looks, checked_looks

log = logging.getLogger(__name__)


class LastCheckpoint(SafePoints):
    """Saves ``last.ckpt`` every so many steps, before each validation, after each epoch, and when told to stop.

    SIGTERM and SIGINT tell it to stop, and end the run once it is saved.

    Args:
        folder: Where ``last.ckpt`` goes.
        every_n_steps: Optimiser steps between two saves.
        ask_every_n_steps: Optimiser steps after which several processes ask one another whether to stop; None: see
            `between_looks`. One alone stops at once.

    Raises:
        ConfigError: A number of steps is not positive.
    """

    def __init__(self, folder: Path | str, every_n_steps: int = 500, ask_every_n_steps: int | None = None) -> None:
        super().__init__()
        if every_n_steps < 1:
            raise ConfigError(f"callbacks.last_checkpoint.every_n_steps must be positive, got {every_n_steps}")
        checked_looks("callbacks.last_checkpoint.ask_every_n_steps", ask_every_n_steps)
        self.path = Path(folder) / "last.ckpt"
        self.every_n_steps = every_n_steps
        self.ask_every_n_steps = ask_every_n_steps
        self._signals = StopSignals()
        self._saved_step = -1

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Clears what a run that was killed while it saved has left."""
        if trainer.is_global_zero:
            clear_left_behind(self.path.parent)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes over the signals: Lightning's own handlers would end the run in the middle of an accumulation."""
        super().on_train_start(trainer, pl_module)
        self._signals = StopSignals()
        self._signals.install()

    def after_step(self, trainer: Trainer, before_validation: bool = False) -> None:
        """Saves when it is time.

        Raises:
            SIGTERMException: The run was asked to stop and is saved.
        """
        is_due = before_validation or trainer.global_step % self.every_n_steps == 0
        stop = (is_due or self._may_ask(trainer, trainer.global_step)) and self._is_asked_to_stop()
        if stop or is_due:
            self._save(trainer)
        if stop:
            self._end(trainer)

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Ends a run that was asked to stop and was saved before this validation, which will come again.

        Raises:
            SIGTERMException: The run was asked to stop.
        """
        is_saved = self._saved_step == trainer.global_step and not trainer.sanity_checking
        if is_saved and self._may_ask(trainer, batch_idx + 1) and self._is_asked_to_stop():
            self._end(trainer)

    def after_epoch(self, trainer: Trainer) -> None:
        """Saves the finished epoch.

        Raises:
            SIGTERMException: The run was asked to stop and is saved.
        """
        self._save(trainer)
        if self._is_asked_to_stop():
            self._end(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gives the signals back."""
        self._signals.restore()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Gives the signals back."""
        self._signals.restore()

    def _may_ask(self, trainer: Trainer, count: int) -> bool:
        return ranks().size == 1 or count % between_looks(trainer, self.ask_every_n_steps) == 0

    def _is_asked_to_stop(self) -> bool:
        return on_any(bool(self._signals.asked))

    def _save(self, trainer: Trainer) -> None:
        trainer.save_checkpoint(self.path)
        self._saved_step = trainer.global_step

    def _end(self, trainer: Trainer) -> None:
        by = self._signals.asked or "a signal to another process"
        log.info("stopped by %s after step %d; saved %s", by, trainer.global_step, self.path)
        raise SIGTERMException
