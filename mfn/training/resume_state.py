"""A run that goes on takes its state from the checkpoint and its settings from its own configuration.

Where nothing was changed both are the same, to the last bit.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

from lightning import Trainer
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

log = logging.getLogger(__name__)


_SEEN = ("best", "num_bad_epochs", "cooldown_counter", "last_epoch")
"""What PyTorch's plateau knows of the metric; the rest of its state are its settings."""


def without_schedule_settings(checkpoint: dict[str, Any], is_plateau: bool) -> None:
    """Takes out of a checkpoint what a schedule has of it beyond what it has seen: its settings are configured anew.

    All schedules but the plateau are functions of the step and need no state.
    """
    states = checkpoint.get("lr_schedulers", []) if is_plateau else []
    states = states if all("num_bad_epochs" in state for state in states) else []
    checkpoint["lr_schedulers"] = [{key: state[key] for key in _SEEN if key in state} for state in states]


def use_settings(trainer: Trainer, groups: Sequence[Mapping[str, Any]]) -> None:
    """Gives the optimiser its configured learning rate, decay and other numbers in place of the checkpoint's.

    Args:
        trainer: With optimisers and schedules restored.
        groups: The parameter groups as they are configured, in the optimiser's order.
    """
    plateaus = [c.scheduler for c in trainer.lr_scheduler_configs if isinstance(c.scheduler, ReduceLROnPlateau)]
    has_lowered = any(plateau.last_epoch > 0 for plateau in plateaus)
    for optimizer in trainer.optimizers:
        for group, wanted in zip(optimizer.param_groups, groups, strict=True):
            reached, start = group["lr"], group["initial_lr"]
            group |= {name: value for name, value in wanted.items() if name != "params"}
            if has_lowered:  # what the plateau has left of the rate stays left; other schedules say it anew
                group["lr"] = reached if start == wanted["lr"] else wanted["lr"] * reached / start
    for config in trainer.lr_scheduler_configs:
        if isinstance(scheduler := config.scheduler, LambdaLR):
            scheduler.last_epoch = trainer.global_step
            scheduler.base_lrs = [group["initial_lr"] for group in scheduler.optimizer.param_groups]
            for group, factor in zip(scheduler.optimizer.param_groups, scheduler.lr_lambdas, strict=True):
                group["lr"] = group["initial_lr"] * factor(trainer.global_step)


def steps_of_run(trainer: Trainer) -> int:
    """Optimiser steps of the whole run, those taken included.

    With another batch size or number of devices than before, as many batches of the epoch count as done as leave those
    that its loader still has.
    """
    planned = int(trainer.estimated_stepping_batches)
    done: Any = trainer.fit_loop.epoch_loop.batch_progress.current
    loader: Any = trainer.train_dataloader
    batches, left = int(trainer.num_training_batches), getattr(loader, "batches_left", None)
    if left is None or not done.ready or batches != len(loader) or batches - left == done.ready:
        return planned
    under_way = done.processed - done.completed  # saved while a batch was ending, which Lightning counts by itself
    done.ready = done.started = done.processed = batches - left
    done.completed = done.processed - under_way
    accumulated = trainer.accumulate_grad_batches
    steps = trainer.global_step + math.ceil(left / accumulated)
    if trainer.max_epochs is not None and trainer.max_epochs > 0:
        steps += (trainer.max_epochs - trainer.current_epoch - 1) * math.ceil(batches / accumulated)
    steps = min(steps, trainer.max_steps) if trainer.max_steps > 0 else steps
    log.warning(
        "other batches than before: %d of them are left of this epoch, and the run ends after step %d", left, steps
    )
    return steps
