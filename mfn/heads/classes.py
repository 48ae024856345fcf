"""The classes that take part in a step, and where the target of each image is among them."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from mfn.heads.part import WHOLE, Part
from mfn.heads.sampling import taken_rows


class Classes(NamedTuple):
    """Class centres and targets of one step.

    Matrices (N, K) hold a value for each image of all processes and each class that takes part in this one; vectors
    (N,) are common to all processes (see :mod:`mfn.heads.part`).

    Attributes:
        centres: (K * sub_centres, D), of the classes that take part in this process.
        labels: int64 (N,), of all processes.
        column: int64 (N,), where the target is among the K classes; 0 where it is not among them.
        here: bool (N,), whether it is; None where it always is.
        part: The classes of this process.
        rows: int64 (K,), the classes that take part, counted from the first of the process; None where all do.
    """

    centres: Tensor
    labels: Tensor
    column: Tensor
    here: Tensor | None = None
    part: Part = WHOLE
    rows: Tensor | None = None

    @classmethod
    def all_of(cls, centres: Tensor, labels: Tensor) -> "Classes":
        """All classes in one process: centres (C, D), labels int64 (N,)."""
        return cls(centres, labels, labels)

    def rows_of(self, table: Tensor) -> Tensor:
        """What a table (all classes of the process, ...) has for those that take part, (K, ...)."""
        taken = table if self.rows is None else taken_rows(table, self.rows.to(table.device))
        return taken.to(self.centres.device)

    def target_of(self, matrix: Tensor) -> Tensor:
        """The target's value of each row: (N, K) -> (N,), common."""
        if self.here is None:
            return matrix.gather(1, self.column[:, None]).squeeze(1)
        if matrix.shape[1] == 0:  # this process has none of the classes of the step
            return self.part.sum(matrix.sum(1))
        found = matrix.gather(1, self.column[:, None]).squeeze(1)
        return self.part.sum(torch.where(self.here, found, 0.0))

    def cosine_with_target(self, embeddings: Tensor) -> Tensor:
        """Cosine of each embedding (N, D) with its target's centre, the only one of its class: (N,), common."""
        if self.here is None:
            return F.cosine_similarity(embeddings, self.centres.detach()[self.column])
        if len(self.centres) == 0:
            return self.part.sum(torch.zeros_like(embeddings[:, 0]))
        found = F.cosine_similarity(embeddings, self.centres.detach()[self.column])
        return self.part.sum(torch.where(self.here, found, 0.0))

    def with_target(self, matrix: Tensor, values: Tensor) -> Tensor:
        """The matrix (N, K) with the target's value replaced by a common one (N,)."""
        column = self.column[:, None]
        if self.here is None:
            return matrix.scatter(1, column, values[:, None])
        values = self.part.shared(values)
        if matrix.shape[1] == 0:
            return matrix + 0 * values[:, None]
        kept = torch.where(self.here, values, matrix.gather(1, column).squeeze(1))
        return matrix.scatter(1, column, kept[:, None])

    def is_target(self, matrix: Tensor) -> Tensor:
        """Where the targets are: bool (N, K)."""
        marked = torch.zeros_like(matrix, dtype=torch.bool)
        if self.here is None:
            return marked.scatter_(1, self.column[:, None], True)
        return marked if matrix.shape[1] == 0 else marked.scatter_(1, self.column[:, None], self.here[:, None])

    def highest(self, matrix: Tensor) -> Tensor:
        """The largest value of each row over all classes: (N, K) -> (N,), common, without gradient."""
        return self.part.highest(_largest(matrix.detach())[0])

    def nearest(self, matrix: Tensor) -> Tensor:
        """The class with the largest value of each row: (N, K) -> int64 (N,), common."""
        value, place = _largest(matrix.detach())
        found = self.part.first + (place if self.rows is None else self._rows_on(place.device)[place])
        if self.part.is_all:
            return found
        return self.part.lowest(torch.where(value == self.part.highest(value), found, self.part.total))

    def _rows_on(self, device: torch.device) -> Tensor:
        assert self.rows is not None
        rows = self.rows.to(device)
        return rows if len(rows) else rows.new_zeros(1)

    def sum(self, matrix: Tensor) -> Tensor:
        """The sum of each row over all classes: (N, K) -> (N,), common."""
        return self.part.sum(matrix.sum(dim=1))

    def mean(self, matrix: Tensor) -> Tensor:
        """The mean of each row over all classes: (N, K) -> (N,), common."""
        return self.sum(matrix) / self.part.sum(matrix.new_tensor(matrix.shape[1]))

    def log_sum_exp(self, matrix: Tensor) -> Tensor:
        """(N, K) -> (N,), common."""
        highest = self.highest(matrix).clamp_min(torch.finfo(matrix.dtype).min)  # -inf less -inf is no number
        return highest + self.sum((matrix - highest[:, None]).exp()).log()

    def cross_entropy(self, logits: Tensor, label_smoothing: float = 0.0) -> Tensor:
        """Softmax cross-entropy of each image over all classes that take part: logits (N, K) -> (N,), common."""
        if self.here is None:
            return F.cross_entropy(logits, self.column, reduction="none", label_smoothing=label_smoothing)
        whole = self.log_sum_exp(logits)
        losses = whole - self.target_of(logits)
        if label_smoothing:
            losses = (1 - label_smoothing) * losses + label_smoothing * (whole - self.mean(logits))
        return losses


def _largest(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Value and place of the largest of each row; -inf and 0 where there is none."""
    if matrix.shape[1] == 0:
        return matrix.new_full((len(matrix),), -torch.inf), torch.zeros(
            len(matrix), dtype=torch.int64, device=matrix.device
        )
    place = matrix.argmax(dim=1)
    return matrix.gather(1, place[:, None]).squeeze(1), place
