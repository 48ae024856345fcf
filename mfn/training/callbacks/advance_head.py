"""From the first loss to the second in one run: by step, or when the loss stalls."""

import logging
from typing import Any

from lightning import Callback, LightningModule, Trainer

from mfn.errors import ConfigError
from mfn.ranks import from_all

log = logging.getLogger(__name__)


class AdvanceHead(Callback):
    """Calls ``head.advance()`` once, in all processes at the same step.

    Args:
        at_step: Optimiser step after which to advance; None waits for the loss to stall.
        patience: Looks at the loss without improvement after which it has stalled.
        every_n_steps: Optimiser steps averaged into one look.
        min_improvement: Share of the best loss by which a look must be better.

    Raises:
        ConfigError: A number makes no sense.
    """

    def __init__(
        self,
        at_step: int | None = None,
        patience: int = 5,
        every_n_steps: int = 500,
        min_improvement: float = 0.01,
    ) -> None:
        if (at_step is not None and at_step < 1) or patience < 1 or every_n_steps < 1 or min_improvement < 0:
            raise ConfigError(
                "callbacks.advance_head: at_step, patience and every_n_steps must be positive and min_improvement not "
                f"negative, got {at_step}, {patience}, {every_n_steps}, {min_improvement}"
            )
        self.at_step = at_step
        self.patience = patience
        self.every_n_steps = every_n_steps
        self.min_improvement = min_improvement
        self.state: dict[str, Any] = {
            "done": False,
            "best": float("inf"),
            "stalled": 0,
            "sum": 0.0,
            "count": 0,
            "step": 0,
        }

    def state_dict(self) -> dict[str, Any]:
        """Where the search for a stall stands."""
        return self.state | {"sum": float(self.state["sum"])}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on where the run stopped."""
        self.state |= state_dict

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Checks that the head has a second stage.

        Raises:
            ConfigError: It has not.
        """
        if not hasattr(pl_module.head, "advance"):
            raise ConfigError(
                f"callbacks.advance_head needs a head with two stages, such as head=softmax_then_arcface; "
                f"{type(pl_module.head).__name__} has one"
            )

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Advances when it is time."""
        state = self.state
        if state["done"]:
            return
        is_whole = len(batch.labels) >= pl_module.smallest_batch  # type: ignore[operator]
        if self.at_step is None and outputs is not None and is_whole:
            loss = outputs["loss"].detach()  # is added where it is, so that no step waits for its device
            state["sum"] = state["sum"] + (loss if loss.device.type == "mps" else loss.double())
            state["count"] += 1
        if trainer.global_step == state["step"]:
            return  # in the middle of an accumulation
        state["step"] = trainer.global_step
        if self.at_step is not None:
            time_has_come = trainer.global_step >= self.at_step
        else:
            time_has_come = trainer.global_step % self.every_n_steps == 0 and self._has_stalled(trainer)
        if time_has_come:
            pl_module.head.advance()  # type: ignore[operator, union-attr]
            state["done"] = True
            log.info("step %d: the head advances to its second stage", trainer.global_step)

    def _has_stalled(self, trainer: Trainer) -> bool:
        """Takes a look at the mean loss of all processes since the last one."""
        state = self.state
        sums = from_all((float(state["sum"]), state["count"]))
        state["sum"], state["count"] = 0.0, 0
        mean = sum(loss for loss, _ in sums) / max(1, sum(count for _, count in sums))
        if mean < state["best"] * (1 - self.min_improvement):
            state["best"], state["stalled"] = mean, 0
        else:
            state["stalled"] += 1
        return state["stalled"] >= self.patience
