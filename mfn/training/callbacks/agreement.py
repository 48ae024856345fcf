"""Decisions that all processes of a run take together, so that none waits for another that has left."""

import sys
from typing import Any, TypeVar

import torch.distributed
from lightning import Trainer

from mfn.errors import MfnError

T = TypeVar("T")


def on_any_rank(trainer: Trainer, here: bool) -> bool:
    """Whether something is so in at least one process; all must ask at the same point."""
    return trainer.strategy.reduce_boolean_decision(here, all=False)


def from_all_ranks(trainer: Trainer, value: T) -> list[T]:
    """The value of each process, in the order of their ranks; all must ask at the same point."""
    if trainer.world_size == 1:
        return [value]
    values: list[Any] = [None] * trainer.world_size
    torch.distributed.all_gather_object(values, value)
    return values


def stop_together(trainer: Trainer, error: MfnError | None) -> None:
    """Ends the run in every process if one of them has an error to tell; the first process tells it.

    Raises:
        MfnError: In the first process, the first of the errors.
        SystemExit: In the others.
    """
    if not on_any_rank(trainer, error is not None):
        return
    first = next(one for one in from_all_ranks(trainer, error) if one is not None)
    if trainer.is_global_zero:
        raise first
    sys.exit(1)
