"""Verification during training: the held-out identities, and any other set, judged at each validation."""

import logging
from collections import Counter
from typing import Any

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor
from torch.nn import functional

from mfn.benchmarks.verification import VerificationSet
from mfn.evaluation.pair_scores import pair_scores
from mfn.evaluation.verification_result import VerificationResult, verification_result

log = logging.getLogger(__name__)


class Verification(Callback):
    """Logs ``val/<set>/accuracy`` and the other figures of every set, and ``val/mean/accuracy`` of several.

    The validation loaders of the data module give the images of one set each, in order; the validation step gives
    their embeddings. The last loader may hold labelled validation images, of which ``val/loss`` and ``val/top1`` are
    logged.

    Attributes:
        results: The newest result on each set.
    """

    def __init__(self) -> None:
        self.results: dict[str, VerificationResult] = {}
        self._embeddings: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}
        self._seen: Counter[int] = Counter()
        self._closed: list[tuple[float, float, int]] = []
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
        self._embeddings.clear()
        self._seen.clear()
        self._closed.clear()

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Collects embeddings, or loss and accuracy of the labelled images."""
        if dataloader_idx < len(_sets(trainer)):
            self._seen[dataloader_idx] += len(batch.indices) + len(batch.broken)
            self._embeddings.setdefault(dataloader_idx, []).append((batch.indices.cpu().numpy(), _unit(outputs)))
        elif len(batch.labels):
            output = pl_module.head(outputs, batch.labels)  # type: ignore[operator]
            correct = (output.predicted == batch.labels).float().mean()
            self._closed.append((float(output.loss), float(correct), len(batch.labels)))

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Judges each set and logs the figures."""
        if self._closed:
            loss, top1, count = np.array(self._closed).T
            pl_module.log("val/loss", float(np.average(loss, weights=count)), sync_dist=True)
            pl_module.log("val/top1", float(np.average(top1, weights=count)), sync_dist=True)
        current: list[VerificationResult] = []
        for position, (name, pairs) in enumerate(_sets(trainer).items()):
            if self._seen[position] < len(pairs.source):
                continue  # Lightning's sanity check and limit_val_batches see only the first batches
            positions, embeddings = (np.concatenate(part) for part in zip(*self._embeddings[position], strict=True))
            judged = verification_result(pairs, pair_scores(pairs, positions, embeddings))
            self.results[name] = judged
            current.append(judged)
            numbers = {f"val/{name}/{key}": value for key, value in judged.numbers().items()}
            pl_module.log_dict(numbers, sync_dist=True)
            log.info(
                "step %d: %s accuracy %.2f %% (+- %.2f) on %d pairs, EER %.2f %%, threshold %.3f",
                trainer.global_step,
                name,
                100 * judged.accuracy,
                100 * judged.accuracy_std,
                judged.pairs,
                100 * judged.eer,
                judged.threshold,
            )
        if len(current) > 1:
            mean = sum(judged.accuracy for judged in current) / len(current)
            pl_module.log("val/mean/accuracy", mean, sync_dist=True)


def _sets(trainer: Trainer) -> dict[str, VerificationSet]:
    return trainer.datamodule.verification_sets  # type: ignore[attr-defined]


def _unit(embeddings: Tensor) -> np.ndarray:
    return functional.normalize(embeddings.detach().to(torch.float32)).cpu().numpy()
