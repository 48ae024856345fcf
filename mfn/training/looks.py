"""How often a run looks at what its device has computed, and at what the other processes have to say.

A look makes the host wait for the device, or for the slowest process. Between two of them the host only hands out work.
"""

from lightning import Trainer

from mfn.errors import ConfigError
from mfn.ranks import ranks
from mfn.training.loops import validation_follows

ON_DEVICE = 20
"""Batches between two looks where the host would wait for a device."""


def checked_looks(key: str, wanted: int | None) -> None:
    """Raises ``ConfigError`` where the number of batches between two looks is not positive."""
    if wanted is not None and wanted < 1:
        raise ConfigError(f"{key}={wanted} must be at least 1, or null for 1 on a CPU and {ON_DEVICE} elsewhere")


def between_looks(trainer: Trainer, wanted: int | None) -> int:
    """Batches from one look to the next: as wanted, or else 1 on a CPU, where nobody waits, and 20 elsewhere."""
    return wanted or (1 if trainer.strategy.root_device.type == "cpu" else ON_DEVICE)


def time_to_look(trainer: Trainer, wanted: int | None) -> bool:
    """Whether the running batch is one at which to look at the device; the same in all processes."""
    return (trainer.fit_loop.epoch_loop.total_batch_idx + 1) % between_looks(trainer, wanted) == 0


def time_to_agree(trainer: Trainer, wanted: int | None) -> bool:
    """Whether the running batch is one at which to ask the other processes; where there are none it costs nothing."""
    return ranks().size == 1 or time_to_look(trainer, wanted)


def figures_are_read(trainer: Trainer) -> bool:
    """Whether somebody reads the figures of the running batch: a logger, a validation, or what goes by them after it.

    Each figure takes a handful of kernels and as much of the host's time; nobody sees those between the lines of a log.
    """
    loop = trainer.fit_loop.epoch_loop
    if trainer._logger_connector.should_update_logs or loop.batch_progress.is_last_batch:
        return True
    return trainer.global_step + 1 == trainer.max_steps or validation_follows(trainer)
