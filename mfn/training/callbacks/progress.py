"""What a person sees while a run goes on: a bar on a terminal, lines in a log, and the rate in either."""

import logging
import time
from datetime import timedelta
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import RichProgressBar

from mfn.training.looks import figures_are_read

log = logging.getLogger(__name__)


_TOLD = (
    ("loss", "train/loss", ".3f"),
    ("accuracy", "train/accuracy", ".3f"),
    ("target angle", "train/target_angle", ".1f"),
)
"""What a line tells, where it is measured, and how."""
_SHOWN = (*_TOLD, ("images/s", "train/images_per_second", ""))
"""What stands in a bar."""


class Throughput(Callback):
    """Logs ``train/images_per_second``, ``train/waiting`` and, every few steps, a line with the time left.

    The second is the share of the time in which the training process waited for data, 0..1; on a GPU, whose work the
    host hands out beforehand, it is more than the share in which the GPU had nothing to do. Validation and checkpoints
    do not count as training time.

    Args:
        lines: Write log lines; for where there is no progress bar.

    Attributes:
        left: Time to the end of the run, once it is known.
        trained: Seconds of training so far.
        waited: Of these, those spent waiting for data.
    """

    left: timedelta | None = None
    trained = 0.0
    waited = 0.0

    def __init__(self, lines: bool) -> None:
        self.lines = lines
        self._images = 0
        self._batches = 0
        self._started = time.perf_counter()
        self._waited: float | None = None

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Starts the clock when the first batch is there; loading the next ones counts."""
        if self._batches == 0:
            waited = seconds_waited(trainer)
            self._waited = waited if self._waited is None else self._waited
            self._started = time.perf_counter() - (waited - self._waited)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Counts, and tells at every ``log_every_n_steps``-th batch."""
        self._batches += 1
        self._images += len(batch.labels) * trainer.world_size
        if self._batches < max(1, trainer.log_every_n_steps):  # type: ignore[attr-defined]
            return
        seconds, waited = self._count(trainer)
        steps = int(trainer.estimated_stepping_batches)
        batches_left = (steps - trainer.global_step) * trainer.accumulate_grad_batches
        pace = pl_module.sizes.pace(trainer.global_step / steps)  # type: ignore[operator, union-attr]
        self.left = timedelta(seconds=round(batches_left * pace * seconds / self._batches))
        pl_module.log("train/images_per_second", torch.tensor(self._images / seconds))  # stays in the main memory
        pl_module.log("train/waiting", torch.tensor(waited / seconds))
        if self.lines and trainer.is_global_zero:
            self._log(trainer, self._images / seconds, waited / seconds)
        self._batches = self._images = 0

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops the clock."""
        if self._batches:
            self._count(trainer)
        self._batches = self._images = 0
        self._waited = None

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Counts the last batches."""
        self.on_validation_start(trainer, pl_module)

    def _count(self, trainer: Trainer) -> tuple[float, float]:
        """Seconds of training since the clock was started, and of these those spent waiting."""
        before, self._waited = self._waited or 0.0, seconds_waited(trainer)
        seconds, waited = time.perf_counter() - self._started, self._waited - before
        self.trained += seconds
        self.waited += waited
        return seconds, waited

    def _log(self, trainer: Trainer, rate: float, waiting: float) -> None:
        metrics = trainer.callback_metrics
        told = [f"{name} {metrics[metric]:{form}}" for name, metric, form in _TOLD if metric in metrics]
        where = f"step {trainer.global_step}/{trainer.estimated_stepping_batches}"
        told += [f"{rate:.0f} images/s", f"{100 * waiting:.1f} % waiting for data", f"{self.left} left"]
        log.info("%s: %s", where, ", ".join(told))


def seconds_waited(trainer: Trainer) -> float:
    """Seconds that the training loader has kept its consumer waiting; 0 for one that does not tell."""
    return getattr(trainer.train_dataloader, "waited", 0.0)


class Bar(RichProgressBar):
    """Lightning's bar with short names, the rate in images and the time left of the whole run.

    Its figures are those that go to the log, and as new: what is logged with ``prog_bar=True`` makes every step wait
    for the device.
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown: dict[str, Any] = {}

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """What stands at the end of the bar."""
        if trainer.training and not figures_are_read(trainer):
            return self._shown
        metrics = trainer.callback_metrics
        self._shown = {name: f"{metrics[metric]:.4g}" for name, metric, _ in _SHOWN if metric in metrics}
        left = next((c.left for c in trainer.callbacks if isinstance(c, Throughput)), None)  # type: ignore[attr-defined]
        if left is not None:
            self._shown["left"] = str(left)
        return self._shown
