"""What a person sees while a run goes on: a bar on a terminal, lines in a log, and the rate in either."""

import logging
import time
from datetime import timedelta
from typing import Any

from lightning import Callback, LightningModule, Trainer

log = logging.getLogger(__name__)


class Throughput(Callback):
    """Logs ``train/images_per_second`` and, every few steps, a line with the time left.

    Validation and checkpoints do not count as training time.

    Args:
        lines: Write log lines; for where there is no progress bar.
    """

    def __init__(self, lines: bool) -> None:
        self.lines = lines
        self._seconds = 0.0
        self._images = 0
        self._batches = 0
        self._started = time.perf_counter()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Starts the clock when the first batch is there; loading the next ones counts."""
        if self._batches == 0:
            self._started = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Counts, and tells at every ``log_every_n_steps``-th batch."""
        self._batches += 1
        self._images += len(batch.labels) * trainer.world_size
        if self._batches < max(1, trainer.log_every_n_steps):  # type: ignore[attr-defined]
            return
        seconds = time.perf_counter() - self._started
        rate = self._images / seconds
        pl_module.log("train/images_per_second", rate, prog_bar=True)
        if self.lines and trainer.is_global_zero:
            self._tell(trainer, rate, seconds / self._batches)
        self._batches = self._images = 0

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops the clock."""
        self._batches = self._images = 0

    def _tell(self, trainer: Trainer, rate: float, seconds_per_batch: float) -> None:
        metrics = trainer.callback_metrics
        total = int(trainer.estimated_stepping_batches)
        left = (total - trainer.global_step) * trainer.accumulate_grad_batches * seconds_per_batch
        log.info(
            "step %d/%d: loss %.3f, accuracy %.3f, target angle %.1f, %.0f images/s, %s left",
            trainer.global_step,
            total,
            float(metrics.get("train/loss", float("nan"))),
            float(metrics.get("train/accuracy", float("nan"))),
            float(metrics.get("train/target_angle", float("nan"))),
            rate,
            timedelta(seconds=round(left)),
        )
