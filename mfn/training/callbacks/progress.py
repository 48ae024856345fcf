"""What a person sees while a run goes on: a bar on a terminal, lines in a log, and the rate in either."""

import logging
import time
from datetime import timedelta
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import RichProgressBar

log = logging.getLogger(__name__)


_TOLD = (
    ("loss", "train/loss", ".3f"),
    ("accuracy", "train/accuracy", ".3f"),
    ("target angle", "train/target_angle", ".1f"),
)
"""What a line tells, where it is measured, and how."""


class Throughput(Callback):
    """Logs ``train/images_per_second`` and, every few steps, a line with the time left.

    Validation and checkpoints do not count as training time.

    Args:
        lines: Write log lines; for where there is no progress bar.

    Attributes:
        left: Time to the end of the run, once it is known.
    """

    left: timedelta | None = None

    def __init__(self, lines: bool) -> None:
        self.lines = lines
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
        steps_left = int(trainer.estimated_stepping_batches) - trainer.global_step
        batches_left = steps_left * trainer.accumulate_grad_batches
        self.left = timedelta(seconds=round(batches_left * seconds / self._batches))
        pl_module.log("train/images_per_second", self._images / seconds, prog_bar=True)
        if self.lines and trainer.is_global_zero:
            self._log(trainer, self._images / seconds)
        self._batches = self._images = 0

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops the clock."""
        self._batches = self._images = 0

    def _log(self, trainer: Trainer, rate: float) -> None:
        metrics = trainer.callback_metrics
        told = [f"{name} {metrics[metric]:{form}}" for name, metric, form in _TOLD if metric in metrics]
        where = f"step {trainer.global_step}/{trainer.estimated_stepping_batches}"
        log.info("%s: %s, %.0f images/s, %s left", where, ", ".join(told), rate, self.left)


class Bar(RichProgressBar):
    """Lightning's bar with short names, the rate in images and the time left of the whole run."""

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """What stands at the end of the bar."""
        metrics: dict[str, Any] = {
            name.removeprefix("train/").replace("images_per_second", "images/s").replace("_", " "): f"{value:.4g}"
            for name, value in trainer.progress_bar_metrics.items()
        }
        left = next((c.left for c in trainer.callbacks if isinstance(c, Throughput)), None)  # type: ignore[attr-defined]
        return metrics | ({"left": str(left)} if left is not None else {})
