"""An end to runs that get no better, which holds when they go on."""

from typing import Any, Literal

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping

from mfn.errors import ConfigError


class StopEarly(EarlyStopping):
    """Lightning's early stopping, which says that it stops; a run that goes on stays stopped unless it may wait longer.

    Args:
        monitor: The metric.
        mode: Whether the metric is to fall or to rise.
        patience: Validations without improvement, at least 1.
        min_delta: By which the metric has to get better.

    Lightning itself restores the patience along with the state, whatever is configured now, and trains on until the
    next look.
    """

    def __init__(self, monitor: str, mode: Literal["min", "max"], patience: int = 10, min_delta: float = 0.0) -> None:
        if patience < 1 or min_delta < 0:
            given = f"patience={patience} min_delta={min_delta:g}"
            raise ConfigError(f"callbacks.early_stopping: {given} must be at least 1 and at least 0")
        super().__init__(monitor, min_delta=min_delta, patience=patience, mode=mode)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on counting, with the patience that is configured."""
        super().load_state_dict(state_dict | {"patience": self.patience})

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops where nothing is left to wait for."""
        if self.wait_count >= self.patience:
            trainer.should_stop = True

    @property
    def why(self) -> str | None:
        """The reason for which the run stopped, None where it did not."""
        return " ".join(self.stopping_reason_message.split()) if self.stopping_reason_message else None
