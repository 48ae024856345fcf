"""Guards: they stop a run that would only waste time, and say which samples are to blame."""

import csv
import logging
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer

from mfn.errors import ConfigError, DataError, MfnError
from mfn.sources.source import FaceSource
from mfn.training.callbacks.agreement import from_all_ranks, on_any_rank, stop_together

log = logging.getLogger(__name__)


class NonFiniteGuard(Callback):
    """Stops at the first loss that is not finite and names the samples of that batch."""

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Looks at the loss of the step.

        Raises:
            MfnError: It is not finite, in this process or another.
        """
        is_finite = outputs is None or bool(torch.isfinite(outputs["loss"]).all())
        stop_together(trainer, None if is_finite else self._error(trainer, outputs, batch))

    def _error(self, trainer: Trainer, outputs: Any, batch: Any) -> MfnError:
        samples = ", ".join(_source(trainer).describe(int(index)) for index in batch.indices.tolist())
        return MfnError(
            f"the loss became {float(outputs['loss'])} at step {trainer.global_step} (epoch {trainer.current_epoch}); "
            "lower optimizer.lr or set trainer.gradient_clip_val, and look at this batch: " + samples
        )


class BrokenImages(Callback):
    """Counts images that cannot be decoded, lists them in a file, and stops past a share of an epoch.

    One image of an epoch may always be broken, unless the share is 0.

    Args:
        path: CSV file with a row for each broken image.
        max_share: Share of an epoch's images, between 0 and 1.

    Raises:
        ConfigError: The share is out of range.
    """

    def __init__(self, path: Path | str, max_share: float = 0.01) -> None:
        if not 0 <= max_share <= 1:
            raise ConfigError(f"callbacks.broken_images.max_share must lie in [0, 1], got {max_share}")
        self.path = Path(path)
        self.max_share = max_share
        self.seen: set[int] = set()
        self._in_epoch = 0

    def state_dict(self) -> dict[str, Any]:
        """What was counted so far."""
        return {"seen": sorted(self.seen), "in_epoch": self._in_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on counting."""
        self.seen, self._in_epoch = set(state_dict["seen"]), state_dict["in_epoch"]

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Counts each epoch anew, unless the run goes on in the middle of one."""
        if trainer.fit_loop.epoch_loop.batch_progress.current.ready == 0:
            self._in_epoch = 0

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Takes note of the broken images of a batch, of all processes.

        Raises:
            DataError: More than the allowed share of the epoch is broken.
        """
        if not on_any_rank(trainer, bool(batch.broken)):
            return
        broken = dict(pair for of_rank in from_all_ranks(trainer, batch.broken) for pair in of_rank)
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
            stop_together(trainer, error)

    def _list(self, source: FaceSource, fresh: dict[int, str]) -> None:
        new_file = not self.path.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", newline="", encoding="utf-8", errors="backslashreplace") as file:
            writer = csv.writer(file)
            if new_file:
                writer.writerow(["index", "image", "reason"])
            writer.writerows((index, source.describe(index), reason) for index, reason in fresh.items())
        log.warning("%d broken images skipped so far, listed in %s", len(self.seen), self.path)


def _source(trainer: Trainer) -> FaceSource:
    return trainer.datamodule.source  # type: ignore[attr-defined]
