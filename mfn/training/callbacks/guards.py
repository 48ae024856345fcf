"""Guards: they stop a run that would only waste time, and say which samples are to blame."""

import csv
import logging
import math
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn

from mfn.errors import ConfigError, DataError, MfnError
from mfn.ranks import from_all, on_any
from mfn.sources.source import FaceSource
from mfn.training.callbacks.agreement import stop_together
from mfn.training.looks import checked_looks, time_to_agree, time_to_look

log = logging.getLogger(__name__)


class SeenStep(NamedTuple):
    """A batch whose loss nobody has looked at yet.

    Attributes:
        loss: A scalar, where it was computed.
        step: Optimiser steps taken after it.
        epoch: In which it was.
        indices: int64 (N,), the samples in it.
    """

    loss: Tensor
    step: int
    epoch: int
    indices: Tensor


class NonFiniteGuard(Callback):
    """Stops a run whose loss or weights are not finite and names the samples of the first such batch.

    The losses of a few batches stay where they were computed until the guard looks at all of them at once: every so
    many batches, before each validation and before each checkpoint, so that no step waits for its device. A checkpoint
    is written only after a look at the weights too: the last step may have spoilt them though its loss was fine.

    Args:
        every_n_steps: Batches from one look to the next; None: 1 on a CPU and 20 elsewhere.

    Raises:
        ConfigError: The number is not positive.
    """

    def __init__(self, every_n_steps: int | None = None) -> None:
        checked_looks("callbacks.non_finite_guard.every_n_steps", every_n_steps)
        self.every_n_steps = every_n_steps
        self._unseen: list[SeenStep] = []
        self._last: SeenStep | None = None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Keeps the loss of the step, and looks when it is time.

        Raises:
            MfnError: One since the last look is not finite, in this process or another.
        """
        if outputs:  # nothing where too few images of the batch could be read
            self._last = SeenStep(outputs["loss"].detach(), trainer.global_step, trainer.current_epoch, batch.indices)
            self._unseen.append(self._last)
        if time_to_look(trainer, self.every_n_steps):
            self._look(trainer, pl_module)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Looks; raises as for a batch."""
        self._look(trainer, pl_module)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Looks at the losses, and at what would be saved, before anything is written; raises as for a batch."""
        self._look(trainer, pl_module, weights=True)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Looks; raises as for a batch."""
        self._look(trainer, pl_module)

    def _look(self, trainer: Trainer, module: Any, weights: bool = False) -> None:
        unseen, self._unseen = self._unseen, []
        losses = torch.stack([seen.loss for seen in unseen]).tolist() if unseen else []
        guilty = next((seen for seen, loss in zip(unseen, losses, strict=True) if not math.isfinite(loss)), None)
        if guilty is not None:
            error = _error(trainer, guilty, f"the loss became {float(guilty.loss)} at step")
        elif weights and self._last is not None and not are_finite(module):
            error = _error(
                trainer,
                self._last,
                f"the loss was {float(self._last.loss)}, and then the weights became no numbers at step",
            )
        else:
            error = None
        stop_together(error if error is None else _of_teacher(module) or error)


class BrokenImages(Callback):
    """Counts images that cannot be decoded, lists them in a file, and stops past a share of an epoch.

    One image of an epoch may always be broken, unless the share is 0.

    Args:
        path: CSV file with a row for each broken image.
        max_share: Share of an epoch's images, between 0 and 1.
        every_n_steps: Batches after which several processes tell one another; None: see `between_looks`.

    Raises:
        ConfigError: A number is out of range.
    """

    def __init__(self, path: Path | str, max_share: float = 0.01, every_n_steps: int | None = None) -> None:
        if not 0 <= max_share <= 1:
            raise ConfigError(f"callbacks.broken_images.max_share must lie in [0, 1], got {max_share}")
        checked_looks("callbacks.broken_images.every_n_steps", every_n_steps)
        self.path = Path(path)
        self.max_share = max_share
        self.every_n_steps = every_n_steps
        self.seen: set[int] = set()
        self._epoch = -1
        self._in_epoch = 0
        self._untold: list[tuple[int, str]] = []
        self._trainer: Trainer | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Remembers the run, in which a checkpoint may ask for what was counted at any time."""
        self._trainer = trainer

    def state_dict(self) -> dict[str, Any]:
        """What was counted so far, in all processes.

        Raises:
            DataError: It is more than the allowed share of the epoch.
        """
        if self._trainer is not None:
            self._tell(self._trainer)
        return {"seen": sorted(self.seen), "epoch": self._epoch, "in_epoch": self._in_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on counting."""
        self.seen = set(state_dict["seen"])
        self._epoch, self._in_epoch = state_dict.get("epoch", -1), state_dict["in_epoch"]

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Counts each epoch anew, unless the run goes on in the middle of one."""
        if trainer.current_epoch != self._epoch:
            self._epoch, self._in_epoch = trainer.current_epoch, 0

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Takes note of the broken images of a batch.

        Raises:
            DataError: More than the allowed share of the epoch is broken.
        """
        self._untold += batch.broken
        if time_to_agree(trainer, self.every_n_steps):
            self._tell(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes note of those that were not told yet."""
        self._tell(trainer)

    def _tell(self, trainer: Trainer) -> None:
        """Takes note of the broken images of all processes."""
        if not on_any(bool(self._untold)):
            return
        untold, self._untold = self._untold, []
        broken = dict(pair for of_rank in from_all(untold) for pair in of_rank)
        self._in_epoch += len(broken)
        fresh = {index: reason for index, reason in broken.items() if index not in self.seen}
        self.seen.update(fresh)
        if fresh and trainer.is_global_zero:
            self._list(_source(trainer), fresh)
        allowed = self.max_share * trainer.datamodule.num_images  # type: ignore[attr-defined]
        if self._in_epoch > max(allowed, self.max_share > 0):
            error = DataError(
                f"{self._in_epoch} broken images in this epoch, more than {self.max_share:.2%} of it; they are listed "
                f"in {self.path}: repair or remove them, or raise callbacks.broken_images.max_share"
            )
            stop_together(error)

    def _list(self, source: FaceSource, fresh: dict[int, str]) -> None:
        new_file = not self.path.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", newline="", encoding="utf-8", errors="backslashreplace") as file:
            writer = csv.writer(file)
            if new_file:
                writer.writerow(["index", "image", "reason"])
            writer.writerows((index, source.describe(index), reason) for index, reason in fresh.items())
        log.warning("%d broken images skipped so far, listed in %s", len(self.seen), self.path)


def are_finite(module: nn.Module) -> bool:
    """Whether all weights, and the statistics of batch normalisation, are numbers; waits for the device once."""
    statistics = [buffer for name, buffer in module.named_buffers() if name.endswith(("running_mean", "running_var"))]
    tensors = [each.detach() for each in (*module.parameters(), *statistics)]
    return bool(torch.isfinite(nn.utils.get_total_norm(tensors))) if tensors else True


def _of_teacher(module: Any) -> MfnError | None:
    """What the teacher has to say, if it is to blame."""
    try:
        if (teacher := getattr(module, "teacher", None)) is not None:
            teacher.check()
    except MfnError as error:
        return error
    return None


def _error(trainer: Trainer, seen: SeenStep, what: str) -> MfnError:
    source = _source(trainer)
    samples = ", ".join(source.describe(int(index)) for index in seen.indices.tolist())
    return MfnError(
        f"{what} {seen.step} (epoch {seen.epoch}); lower optimizer.lr or set trainer.gradient_clip_val, and look at "
        f"this batch: {samples}"
    )


def _source(trainer: Trainer) -> FaceSource:
    return trainer.datamodule.source  # type: ignore[attr-defined]
