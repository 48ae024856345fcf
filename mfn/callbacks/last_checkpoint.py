"""The checkpoint a stopped run goes on from."""

import logging
from pathlib import Path
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.utilities.exceptions import SIGTERMException

from mfn.callbacks.agreement import on_any_rank
from mfn.callbacks.stop_signals import StopSignals
from mfn.errors import ConfigError
from mfn.files import clear_left_behind

log = logging.getLogger(__name__)


class LastCheckpoint(Checkpoint):
    """Saves ``last.ckpt`` every so many steps, after each epoch, and on SIGTERM or SIGINT, which then end the run.

    It saves only between optimiser steps, so that no half-accumulated gradient is lost, and where a step is followed by
    a validation after that, so that what looks at its metrics is not asked twice or never. A run that is told to stop
    in between saves at once as well, in case it does not get that far.

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
        self._signals = StopSignals()
        self._step = self._saved_step = -1
        self._due = False

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Clears what a run that was killed while it saved has left."""
        if trainer.is_global_zero:
            clear_left_behind(self.path.parent)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes over the signals: Lightning's own handlers would end the run in the middle of an accumulation."""
        self._step = trainer.global_step
        self._signals = StopSignals()
        self._signals.install()

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
        stop = self._is_asked_to_stop(trainer)
        self._due = self._due or self._step % self.every_n_steps == 0
        validation_follows = _validation_follows(trainer)
        if stop or (self._due and not validation_follows):
            self._save(trainer)
        if not validation_follows:
            self._due = False
            if stop:
                self._end(trainer)

    def on_validation_batch_end(self, trainer: Trainer, *_: Any, **__: Any) -> None:
        """Saves at once when asked to stop; the validation goes on, and what it says is saved after it."""
        if not trainer.sanity_checking and self._is_asked_to_stop(trainer):
            self._due = True
            if self._saved_step != trainer.global_step and trainer.global_step == self._step:
                self._save(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Saves what became due with the step before the validation.

        Raises:
            SIGTERMException: The run was asked to stop and is saved.
        """
        if trainer.sanity_checking or trainer.global_step != self._step:
            return
        stop = self._is_asked_to_stop(trainer)
        if stop or self._due:
            self._save(trainer)
            self._due = False
        if stop:
            self._end(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Saves the finished epoch, after validation."""
        self._save(trainer)
        self._due = False

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gives the signals back."""
        self._signals.restore()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Gives the signals back."""
        self._signals.restore()

    def _is_asked_to_stop(self, trainer: Trainer) -> bool:
        return on_any_rank(trainer, bool(self._signals.asked))

    def _save(self, trainer: Trainer) -> None:
        trainer.save_checkpoint(self.path)
        self._saved_step = trainer.global_step

    def _end(self, trainer: Trainer) -> None:
        by = self._signals.asked or "a signal to another process"
        log.info("stopped by %s after step %d; saved %s", by, trainer.global_step, self.path)
        raise SIGTERMException


def _validation_follows(trainer: Trainer) -> bool:
    loop = trainer.fit_loop
    assert loop._data_fetcher is not None
    return loop.epoch_loop._should_check_val_fx(loop._data_fetcher)
