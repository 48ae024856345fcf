"""Faces that are likely labelled wrongly, as a head with several centres for each class finds them."""

import csv
import logging
from pathlib import Path

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor
from torch.nn import functional as F

from mfn.data.datamodule import FaceDataModule
from mfn.errors import ConfigError, DataError
from mfn.files.atomic import replacing
from mfn.heads.head import Head
from mfn.heads.part import Part, rows_of_all
from mfn.metrics.gathered import GatheredEmbeddings
from mfn.metrics.sub_centres import angles_to_dominant
from mfn.sources.source import names_of

log = logging.getLogger(__name__)


class LabelNoise(Callback):
    """Lists, when a run ends, the training images that are far from the dominant centre of their class.

    Args:
        path: CSV file with a row for each of them, the farthest first.
        max_angle: Degrees from which on an image is listed; the paper takes 75.

    Raises:
        ConfigError: The angle is out of range.
    """

    def __init__(self, path: Path | str, max_angle: float = 75.0) -> None:
        if not 0 <= max_angle <= 180:
            raise ConfigError(f"callbacks.label_noise.max_angle must lie in [0, 180], got {max_angle}")
        self.path = Path(path)
        self.max_angle = max_angle

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Checks that the head has several centres for each class.

        Raises:
            ConfigError: It has one.
        """
        if getattr(pl_module.head, "sub_centres", 1) == 1:
            raise ConfigError("callbacks.label_noise needs a head with several centres: head=subcentre_arcface")

    @torch.no_grad()
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Embeds all training images, each process a share of them, and writes the list.

        Raises:
            DataError: The list cannot be written.
        """
        data, head = trainer.datamodule, pl_module.head  # type: ignore[attr-defined]
        assert isinstance(head, Head)
        centres = F.normalize(head.weight.detach()).to(pl_module.device).unflatten(0, (-1, head.sub_centres))
        found = GatheredEmbeddings().to(centres.device)
        labels = np.full(len(data.source), -1)
        pl_module.eval()
        for batch in data.images_as_they_are():
            embeddings = F.normalize(pl_module(batch.images.to(centres.device)).float())
            cosines = _with_own_class(embeddings, batch.labels.to(centres.device), centres, head.part)
            found.update(batch.indices, cosines, len(batch.broken))
        labels[data.train_positions] = data.train_classes
        positions, cosines, _ = found.compute()
        pl_module.train()
        if trainer.is_global_zero:
            self._write(data, positions, labels[positions], cosines)

    def _write(self, data: FaceDataModule, positions: np.ndarray, labels: np.ndarray, cosines: np.ndarray) -> None:
        names = names_of(data.source)
        angles, dominant, nearest = angles_to_dominant(cosines, labels)
        far = np.flatnonzero(angles > self.max_angle)
        far = far[np.argsort(-angles[far], kind="stable")]
        try:
            with replacing(self.path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
                rows = csv.writer(file)
                rows.writerow(["image", "label", "degrees", "nearest_centre", "dominant_centre"])
                for row in far:
                    where = (names[positions[row]], int(data.label_map[labels[row]]), f"{angles[row]:.1f}")
                    rows.writerow([*where, int(nearest[row]), int(dominant[row])])
        except OSError as error:
            raise DataError(f"{self.path} cannot be written ({error.strerror})") from error
        log.info(
            "%d of %d training images are more than %g degrees from the centre of their class: %s",
            *(len(far), len(angles), self.max_angle, self.path),
        )


def _with_own_class(embeddings: Tensor, labels: Tensor, centres: Tensor, part: Part) -> Tensor:
    """Cosines (N, centres of a class) of this process's images with their classes' centres, wherever these are."""
    embeddings, labels, own, _ = rows_of_all(part, embeddings, labels)
    held = (labels >= part.first) & (labels < part.end)
    found = torch.einsum("nd,nkd->nk", embeddings, centres[torch.where(held, labels - part.first, 0)])
    return part.sum(torch.where(held[:, None], found, 0.0))[own]
