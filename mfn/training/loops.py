"""What Lightning's loops are about to do, as far as others need to know beforehand."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lightning import Trainer


def validates(trainer: Trainer) -> bool:
    """Whether a run has anything to validate on."""
    loop = trainer.fit_loop.epoch_loop.val_loop
    loop.setup_data()  # which Lightning puts off until the first validation
    return trainer.enable_validation and not loop.skip


def validation_follows(trainer: Trainer) -> bool:
    """Whether the training batch that has just ended is followed by a validation."""
    loop = trainer.fit_loop
    assert loop._data_fetcher is not None
    return loop.epoch_loop._should_check_val_fx(loop._data_fetcher) and validates(trainer)


def epoch_ends(trainer: Trainer) -> bool:
    """Whether the training batch that has just ended was the last one of its epoch, or of the run."""
    return trainer.fit_loop.epoch_loop._is_training_done


@contextmanager
def validation_begun(trainer: Trainer) -> Iterator[None]:
    """At the start of a validation: what is saved here goes on with all of it.

    Lightning repeats a validation that was stopped in its first batch, and passes over one that had none.
    """
    progress = trainer.fit_loop.epoch_loop.val_loop.batch_progress
    before = progress.state_dict()
    progress.increment_ready()
    progress.increment_started()
    try:
        yield
    finally:
        progress.load_state_dict(before)


def go_on_between_epochs(trainer: Trainer) -> None:
    """Once the state of the loops is restored: a run that was saved at the end of an epoch goes on with the next one.

    Lightning takes a run whose length is given in steps for one in the middle of that epoch, and would end it again.
    """
    epochs: Any = trainer.fit_loop.epoch_progress.current
    if epochs.ready == epochs.processed:
        trainer.fit_loop._restarting = False
        trainer.fit_loop.epoch_loop.restarting = False


def without_lightnings_stop(trainer: Trainer) -> None:
    """Spares each step a broadcast that makes the host wait for its device: whether Lightning itself was told to stop.

    `LastCheckpoint` hears the signals, and all processes ask one another there.
    """
    trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = lambda: None
