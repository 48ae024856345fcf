"""Histograms of weights and gradients in TensorBoard."""

from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from mfn.errors import ConfigError


class Histograms(Callback):
    """Writes a histogram of every weight tensor and its gradient.

    Args:
        every_n_steps: Optimiser steps between two of them.

    Raises:
        ConfigError: The number is not positive.
    """

    def __init__(self, every_n_steps: int = 1000) -> None:
        if every_n_steps < 1:
            raise ConfigError(f"callbacks.histograms.every_n_steps must be positive, got {every_n_steps}")
        self.every_n_steps = every_n_steps

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Checks that there is a place to write to.

        Raises:
            ConfigError: No TensorBoard logger is configured.
        """
        if not any(isinstance(logger, TensorBoardLogger) for logger in trainer.loggers):
            raise ConfigError("callbacks.histograms writes to TensorBoard: add tensorboard to logger=[...]")

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Any) -> None:
        """Writes when it is time."""
        if trainer.global_step % self.every_n_steps:
            return
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                for name, parameter in pl_module.named_parameters():
                    logger.experiment.add_histogram(f"weights/{name}", parameter, trainer.global_step)
                    if parameter.grad is not None:
                        logger.experiment.add_histogram(f"gradients/{name}", parameter.grad, trainer.global_step)
