"""Class centres that begin where each person's faces lie."""

import logging

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor
from torch.nn import functional as F

from mfn.errors import ConfigError
from mfn.heads.head import Head
from mfn.heads.part import rows_of_all
from mfn.progress import counting
from mfn.ranks import from_all

log = logging.getLogger(__name__)


class MeanCentres(Callback):
    """Starts each class centre at the mean of its images' embeddings: new people on a network that knows faces.

    Before the first step each process embeds its share of the images, and adds up those of the classes it holds. A run
    that goes on keeps its centres.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Checks that the head has centres.

        Raises:
            ConfigError: It has none.
        """
        if not _with_centres(pl_module):
            raise ConfigError(
                f"callbacks.mean_centres: head {type(pl_module.head).__name__} has no class centres; leave "
                "mean_centres out, or choose another head"
            )

    @torch.no_grad()
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Embeds all training images and moves the centres."""
        if trainer.global_step > 0:
            return
        data = trainer.datamodule  # type: ignore[attr-defined]
        dim: int = pl_module.backbone.embedding_dim  # type: ignore[assignment, union-attr]
        part = _with_centres(pl_module)[0].part
        sums = torch.zeros(part.end - part.first, dim, device=pl_module.device)
        pl_module.eval()
        with counting(len(data.train_positions), "images", "class centres") as count:
            for batch in data.images_as_they_are():
                embeddings = F.normalize(pl_module(batch.images.to(pl_module.device)).float())
                embeddings, labels, *_ = rows_of_all(part, embeddings, batch.labels.to(embeddings.device))
                held = (labels >= part.first) & (labels < part.end)
                sums.index_add_(0, labels[held] - part.first, embeddings[held])
                count(len(batch.labels) * trainer.world_size)
        pl_module.train()
        for head in _with_centres(pl_module):
            start_at(head, sums)
        people = sum(from_all(int((sums.norm(dim=1) > 0).sum())))
        log.info("class centres start at the mean embeddings of %d people", people)


def start_at(head: Head, directions: Tensor) -> None:
    """Turns a head's centres; they keep the lengths they were drawn with, by which a step turns them.

    Where a class has several, the first takes the direction and the others lie around it; a direction of 0 leaves a
    class where it was.

    Args:
        head: Has the centres.
        directions: float (C, D), any length, for the classes that it holds.
    """
    drawn = head.weight.detach().unflatten(0, (-1, head.sub_centres))
    wanted = F.normalize(directions)[:, None].to(drawn.dtype).expand_as(drawn).clone()
    wanted[:, 1:] += 0.5 * F.normalize(drawn[:, 1:], dim=2)
    turned = F.normalize(wanted, dim=2) * drawn.norm(dim=2, keepdim=True)
    known = directions.norm(dim=1) > 0
    head.weight.data.copy_(torch.where(known[:, None, None], turned, drawn).flatten(0, 1))


def _with_centres(pl_module: LightningModule) -> list[Head]:
    return [part for part in pl_module.head.modules() if isinstance(part, Head)]  # type: ignore[union-attr]
