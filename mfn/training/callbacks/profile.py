"""Where the time of a training step goes: a trace, the operators that take most of it, and the wait for data."""

import logging
import os
import time
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch.profiler import ProfilerActivity, profile

from mfn.errors import ConfigError
from mfn.files.atomic import replacing
from mfn.training.callbacks.progress import seconds_waited

log = logging.getLogger(__name__)

TRACE, TABLE = "profile_trace.json", "profile.txt"
_SHOWN, _KEPT = 12, 60
"""Operators on the screen, and in the file."""


class Profile(Callback):
    """Profiles some steps of a run with PyTorch's profiler and leaves ``profile_trace.json`` and ``profile.txt``.

    The trace is read by https://ui.perfetto.dev and ``chrome://tracing``. The steps begin with waiting for their batch
    and end with the optimiser; a profiled step takes longer than others.

    Args:
        folder: Where the two files go.
        skip: Steps before; the first ones set things up.
        steps: Steps that are profiled.

    Raises:
        ConfigError: A number is too small.
    """

    def __init__(self, folder: str, skip: int = 5, steps: int = 5) -> None:
        if skip < 1 or steps < 1:
            raise ConfigError(
                f"callbacks.profile.skip={skip} and callbacks.profile.steps={steps} must be at least 1: the first step "
                "sets things up"
            )
        self.folder = Path(folder)
        self.skip = skip
        self.steps = steps
        self._seen = 0
        self._started = self._waited = 0.0
        self._profiler: profile | None = None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Starts behind the steps that are skipped, and ends with the last one that is profiled."""
        if not trainer.is_global_zero:
            return
        self._seen += 1
        if self._seen == self.skip:
            self._start(trainer)
        elif self._profiler is not None and self._seen == self.skip + self.steps:
            self._end(trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes what there is: judging is no part of a step."""
        if self._profiler is not None and self._seen > self.skip:
            self._end(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes what there is, where the run was shorter."""
        self.on_validation_start(trainer, pl_module)
        if self._profiler is not None:
            self._profiler.stop()
            self._profiler = None
        if trainer.is_global_zero and self._seen <= self.skip:
            log.warning(
                "nothing was profiled: the run had %d steps and callbacks.profile.skip=%d", self._seen, self.skip
            )

    def _start(self, trainer: Trainer) -> None:
        os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # it tells of each GPU that is not there
        has_gpu = torch.cuda.is_available()
        activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if has_gpu else [])]
        self._profiler = profile(activities=activities, record_shapes=True)
        self._started, self._waited = time.perf_counter(), seconds_waited(trainer)
        self._profiler.start()

    def _end(self, trainer: Trainer) -> None:
        profiler, self._profiler = self._profiler, None
        assert profiler is not None
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds, waited = time.perf_counter() - self._started, seconds_waited(trainer) - self._waited
        profiler.stop()
        with replacing(self.folder / TRACE) as temporary:
            profiler.export_chrome_trace(str(temporary))
        count = self._seen - self.skip
        head = (
            f"{count} steps of {seconds / count:.3f} s, {100 * waited / seconds:.1f} % waiting for data "
            f"(profiled, which takes time too)\n"
        )
        averages = profiler.key_averages()
        by = "self_device_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
        with replacing(self.folder / TABLE) as temporary:
            temporary.write_text(head + averages.table(sort_by=by, row_limit=_KEPT), encoding="utf-8")
        log.info("%s%s", head, averages.table(sort_by=by, row_limit=_SHOWN, max_name_column_width=40))
        log.info("profile: %s, %s (open it in https://ui.perfetto.dev)", self.folder / TABLE, self.folder / TRACE)
