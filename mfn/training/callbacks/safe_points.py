"""The moments at which a run can be saved so that it goes on as if nothing had been."""

from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from mfn.training.loops import epoch_ends, validation_begun, validation_follows


class SafePoints(Checkpoint):
    """Is told once after each optimiser step, and after each epoch, when it may save.

    There is nothing half accumulated then. A step that is followed by a validation is told at its start, and what is
    saved there begins with it, so that what looks at its metrics is asked neither twice nor never. The last step of an
    epoch is told at its end, after all that others do there.
    """

    def __init__(self) -> None:
        self._step = -1
        self._is_due = False

    def after_step(self, trainer: Trainer, before_validation: bool = False) -> None:
        """What to do after an optimiser step."""

    def after_epoch(self, trainer: Trainer) -> None:
        """What to do after an epoch, and its validation."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins to count. A run that goes on with a validation is saved before it once more."""
        self._step, self._is_due = trainer.global_step, True

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Tells of a step that nothing follows but another."""
        self._is_due = trainer.global_step != self._step
        self._step = trainer.global_step
        if self._is_due and not epoch_ends(trainer) and not validation_follows(trainer):
            self._is_due = False
            self.after_step(trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tells of a step that is followed by a validation."""
        if self._is_due and not trainer.sanity_checking:
            self._is_due = False
            with validation_begun(trainer):
                self.after_step(trainer, before_validation=True)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tells of the last step of an epoch, and of the epoch."""
        if self._is_due:
            self._is_due = False
            self.after_step(trainer)
        self.after_epoch(trainer)
