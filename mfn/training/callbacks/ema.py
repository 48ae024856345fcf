"""Averaged weights that stay on the device of the run."""

from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging


class AveragedWeights(EMAWeightAveraging):
    """Lightning's exponential moving average, for which no step waits.

    Lightning copies the network before it is on its device, so that the average would stay in the main memory and all
    weights would travel there at each step; and it counts the averaged steps on the device, but asks for the count.

    Args:
        decay: Share of the average that stays at each update.
        update_every_n_steps: Optimiser steps between two updates.
        update_starting_at_step: The first one that counts; None: all do.
    """

    def __init__(
        self, decay: float = 0.999, update_every_n_steps: int = 1, update_starting_at_step: int | None = None
    ) -> None:
        super().__init__(
            decay=decay, update_every_n_steps=update_every_n_steps, update_starting_at_step=update_starting_at_step
        )

    @property
    def state_key(self) -> str:
        """Lightning's own, as in the checkpoints that there are."""
        return EMAWeightAveraging.__qualname__

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Makes the average where the network will be."""
        self._device = trainer.strategy.root_device
        super().setup(trainer, pl_module, stage)
        average: Any = self._average_model
        if average is not None:
            average.n_averaged = average.n_averaged.cpu()
