"""Loss and accuracy on further images of the people that train, to the same numbers in any number of processes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from lightning import LightningModule
from numpy.typing import NDArray
from torch import nn

from mfn.heads.part import WHOLE, Part
from mfn.metrics.gathered import GatheredEmbeddings
from mfn.ranks import from_all


class KnownPeople:
    """Collects what each process embeds, and judges it in batches that do not depend on the processes.

    Args:
        device: Where the embeddings are collected.
    """

    def __init__(self, device: torch.device) -> None:
        self.gathered = GatheredEmbeddings().to(device)

    def figures(
        self, pl_module: LightningModule, classes_of: Callable[[NDArray[np.int64]], NDArray[np.int64]], batch_size: int
    ) -> dict[str, float]:
        """``val/loss`` and ``val/top1`` over all images that could be read; all processes must ask.

        Args:
            pl_module: Its head judges.
            classes_of: The class of the image at each position.
            batch_size: Images that a head judges at a time, as some compare those of a batch with one another.
        """
        positions, embeddings, _ = self.gathered.compute()
        head: Any = pl_module.head
        part = part_of(head)
        loss, correct = 0.0, 0
        for start in range(0, len(positions), batch_size):
            labels = torch.from_numpy(classes_of(positions[start : start + batch_size]))
            rows = torch.from_numpy(embeddings[start : start + batch_size])
            own = Part(len(labels), part.rank, part.size)  # a head shared out over processes takes a share of each
            mine = slice(own.first, own.end)
            output = head(rows[mine].to(pl_module.device), labels[mine].to(pl_module.device))
            loss += float(output.loss) * len(labels)
            correct += int((output.predicted.cpu() == labels[mine]).sum())
        if not part.is_all:
            correct = sum(from_all(correct))
        count = len(positions)
        return {"val/loss": loss / count, "val/top1": correct / count} if count else {}


def part_of(head: nn.Module) -> Part:
    """The share of the classes that a head, or the one in it, holds; all of them where it has none of its own."""
    parts = [part for module in head.modules() if isinstance(part := getattr(module, "part", None), Part)]
    return parts[0] if parts else WHOLE
