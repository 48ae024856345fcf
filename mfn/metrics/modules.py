"""The metrics as torchmetrics, which gather pairs over batches and processes."""

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from mfn.metrics.verification import kfold_accuracy, tar_at_far


class PairMetric(Metric):
    """Keeps the scores of all pairs."""

    full_state_update = False
    higher_is_better = True
    scores: list[Tensor]
    is_same: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("scores", default=[], dist_reduce_fx="cat")
        self.add_state("is_same", default=[], dist_reduce_fx="cat")

    def update(self, scores: Tensor, is_same: Tensor) -> None:
        """Takes scores, float (P,), higher meaning more alike, and whether each pair shows one person, bool (P,)."""
        self.scores.append(scores.detach())
        self.is_same.append(is_same)

    def pairs(self) -> tuple[Tensor, Tensor]:
        """All scores, float (P,), and kinds, bool (P,), on the CPU."""
        return dim_zero_cat(self.scores).float().cpu(), dim_zero_cat(self.is_same).bool().cpu()


class TarAtFar(PairMetric):
    """`mfn.metrics.verification.tar_at_far` of all pairs.

    Args:
        far: False accept rate.
    """

    def __init__(self, far: float = 1e-3) -> None:
        super().__init__()
        self.far = far

    def compute(self) -> Tensor:
        """The true accept rate, float32 ()."""
        scores, is_same = self.pairs()
        return torch.tensor(tar_at_far(scores, is_same, self.far), device=self.device)


class VerificationAccuracy(PairMetric):
    """Mean of `mfn.metrics.verification.kfold_accuracy` of all pairs.

    Each pair comes with its fold, since processes do not gather pairs in the order of the benchmark.
    """

    fold_of: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("fold_of", default=[], dist_reduce_fx="cat")

    def update(self, scores: Tensor, is_same: Tensor, fold_of: Tensor) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Takes scores, float (P,), whether each pair shows one person, bool (P,), and its fold, int (P,)."""
        super().update(scores, is_same)
        self.fold_of.append(fold_of)

    def compute(self) -> Tensor:
        """The accuracy, float32 ()."""
        scores, is_same = self.pairs()
        return torch.tensor(kfold_accuracy(scores, is_same, dim_zero_cat(self.fold_of).cpu()).mean, device=self.device)
