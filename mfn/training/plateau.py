"""The learning-rate schedule that goes by a metric: it looks after each validation, whenever that is."""

import sys
from typing import Any

from lightning import Callback, LightningModule, Trainer
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from mfn.training.loops import validates
from mfn.training.schedules import Plateau


def plateau_of(plan: Plateau, optimizer: Optimizer) -> dict[str, Any]:
    """PyTorch's scheduler as Lightning saves and restores it; when it looks is up to :class:`LowerOnPlateau`."""
    scheduler = ReduceLROnPlateau(
        optimizer, mode=plan.mode, factor=plan.factor, patience=plan.patience, min_lr=plan.min_lr
    )
    return {"scheduler": scheduler, "monitor": plan.monitor, "interval": "epoch", "frequency": sys.maxsize}


class LowerOnPlateau(Callback):
    """Shows the metric to the scheduler after each validation, or after each epoch in a run without any.

    Lightning itself would look once an epoch, and find nothing where that epoch has no validation.

    Args:
        plan: Says which metric.
    """

    def __init__(self, plan: Plateau) -> None:
        self.plan = plan
        self._is_other_metric = False

    def state_dict(self) -> dict[str, Any]:
        """Which metric it goes by."""
        return {"monitor": self.plan.monitor, "mode": self.plan.mode}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Finds out whether it was another one."""
        self._is_other_metric = state_dict != self.state_dict()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins anew with another metric, at the rate that the first has left."""
        for config in trainer.lr_scheduler_configs if self._is_other_metric else ():
            if isinstance(config.scheduler, ReduceLROnPlateau):
                config.scheduler._reset()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Looks, unless it is Lightning's sanity check."""
        if not trainer.sanity_checking:
            self._look(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Looks where nothing is validated."""
        if not validates(trainer):
            self._look(trainer)

    def _look(self, trainer: Trainer) -> None:
        value = trainer.callback_metrics.get(self.plan.monitor)
        for config in trainer.lr_scheduler_configs:
            if value is not None and isinstance(config.scheduler, ReduceLROnPlateau):
                config.scheduler.step(float(value))
