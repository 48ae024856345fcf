"""A backbone that keeps still until the head has found its place."""

from typing import Any

from lightning import Callback, LightningModule, Trainer
from torch.optim import Optimizer

from mfn.errors import ConfigError


class FreezeBackbone(Callback):
    """Lets only the head learn during the first part of a run; batch normalisation keeps its statistics too.

    Args:
        share: Part of the run's steps, 0..1; at 1 the backbone never learns.

    Raises:
        ConfigError: The share is out of range.
    """

    def __init__(self, share: float = 0.1) -> None:
        if not 0 <= share <= 1:
            raise ConfigError(f"callbacks.freeze.share must lie in [0, 1], got {share}")
        self.share = share

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Checks that something else can learn.

        Raises:
            ConfigError: The head has nothing to learn, or only the network's blocks are to learn at first.
        """
        if self.share > 0 and any(term.lessons for term in pl_module.terms.values()):  # type: ignore[union-attr]
            raise ConfigError("callbacks.freeze keeps still what distill=[blocks] is to teach first: leave one out")
        if self.share > 0 and not list(pl_module.head.parameters()):  # type: ignore[union-attr]
            raise ConfigError(
                f"callbacks.freeze: head {type(pl_module.head).__name__} has nothing to learn while the network waits; "
                "leave freeze out, or choose another head"
            )

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Freezes or frees the backbone for this step."""
        frozen = self._frozen(trainer, pl_module)
        pl_module.backbone.train(not frozen)  # type: ignore[union-attr]
        if trainer.world_size == 1:  # other processes wait for every gradient
            pl_module.backbone.requires_grad_(not frozen)  # type: ignore[union-attr]

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        """Drops the gradients of a frozen backbone, so that nothing moves or decays it."""
        if self._frozen(trainer, pl_module):
            for parameter in pl_module.backbone.parameters():  # type: ignore[union-attr]
                parameter.grad = None

    def _frozen(self, trainer: Trainer, pl_module: LightningModule) -> bool:
        return trainer.global_step < self.share * pl_module.clock.total_steps  # type: ignore[operator, union-attr]
