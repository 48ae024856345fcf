"""Verification during training: the held-out identities, and any other set, scored at each validation."""

import logging
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer

from mfn.benchmarks.verification import VerificationSet
from mfn.data.datamodule import FaceDataModule
from mfn.errors import BrokenImageError
from mfn.evaluation.pair_scores import pair_scores
from mfn.evaluation.verification_result import VerificationResult, verification_result
from mfn.metrics.gathered import GatheredEmbeddings
from mfn.metrics.scores import unit
from mfn.ranks import from_all
from mfn.training.callbacks.agreement import stop_together
from mfn.training.callbacks.known_people import KnownPeople

log = logging.getLogger(__name__)


class Verification(Callback):
    """Logs ``val/<set>/accuracy`` and the other figures of every set, and ``val/mean/accuracy`` of several.

    The validation loaders of the data module give the images of one set each, to each process its share; the
    validation step gives their embeddings, which are put together at the end. The last loader may hold labelled
    validation images, of which ``val/loss`` and ``val/top1`` are logged. The first process judges for all, so that the
    figures are those of one process and all go by the same.

    Attributes:
        results: The newest result on each set, in the first process.
    """

    def __init__(self) -> None:
        self.results: dict[str, VerificationResult] = {}
        self._gathered: dict[int, GatheredEmbeddings] = {}
        self._broken: str | None = None
        self._known = KnownPeople(torch.device("cpu"))
        self._metrics: dict[str, float] = {}

    def state_dict(self) -> dict[str, Any]:
        """All metrics as they were after the last validation."""
        return {"metrics": dict(self._metrics)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on with them."""
        self._metrics = dict(state_dict["metrics"])

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Shows the metrics to whoever looks at the end of an epoch that was stopped after its validation."""
        trainer.callback_metrics.update({name: torch.tensor(value) for name, value in self._metrics.items()})

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keeps the metrics."""
        if not trainer.sanity_checking:
            self._metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forgets the embeddings of the last validation."""
        self._gathered = {index: GatheredEmbeddings().to(pl_module.device) for index in range(len(_sets(trainer)))}
        self._broken = None
        self._known = KnownPeople(pl_module.device)

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Collects embeddings."""
        if (gathered := self._gathered.get(dataloader_idx)) is not None:
            if batch.broken and list(_sets(trainer).values())[dataloader_idx].strict:
                self._broken = self._broken or batch.broken[0][1]
        else:
            gathered = self._known.gathered
        gathered.update(batch.indices, outputs, len(batch.broken))

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Puts together what the processes embedded, scores each set and logs the figures.

        Raises:
            BrokenImageError: An image of a strict set cannot be decoded.
        """
        stop_together(BrokenImageError(self._broken) if self._broken else None)
        figures: dict[str, float] = {}
        if self._known.gathered.update_count:
            data: FaceDataModule = trainer.datamodule  # type: ignore[attr-defined]
            figures |= self._known.figures(pl_module, data.validation_classes, data.eval_batch_size)
        current: list[VerificationResult] = []
        for gathered, (name, pairs) in zip(self._gathered.values(), _sets(trainer).items(), strict=True):
            if not gathered.update_count:
                continue
            positions, embeddings, seen = gathered.compute()
            if seen < len(pairs.source) or not trainer.is_global_zero:
                continue  # Lightning's sanity check and limit_val_batches see only the first batches
            result = verification_result(pairs, pair_scores(pairs, positions, unit(embeddings)))
            self.results[name] = result
            current.append(result)
            figures |= {f"val/{name}/{key}": value for key, value in result.numbers().items()}
            log.info(
                "step %d: %s accuracy %.2f %% (+- %.2f) on %d pairs, EER %.2f %%, threshold %.3f",
                trainer.global_step,
                name,
                100 * result.accuracy,
                100 * result.accuracy_std,
                result.pairs,
                100 * result.eer,
                result.threshold,
            )
        if len(current) > 1:
            figures["val/mean/accuracy"] = sum(result.accuracy for result in current) / len(current)
        # Not a mean over the processes: they are the same numbers, and stay so to the last bit
        pl_module.log_dict(from_all(figures)[0], sync_dist=False)


def _sets(trainer: Trainer) -> dict[str, VerificationSet]:
    return trainer.datamodule.verification_sets  # type: ignore[attr-defined]
