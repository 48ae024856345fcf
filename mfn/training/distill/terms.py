"""Terms of the loss that compare with a teacher."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from mfn.errors import ConfigError
from mfn.heads.classes import Classes
from mfn.heads.functional import arcface_target
from mfn.heads.fused import margin_softmax
from mfn.training.distill.functional import adapted_centres, cosine_distance, relation_distance, relative_l2
from mfn.training.objective import Term, TrainingStep


class EmbeddingTerm(Term):
    """The student's embedding of each image against the teacher's.

    Where they are of different length, a linear layer that is trained along and not kept brings the student's to the
    teacher's.

    Args:
        embedding_dim: Length of the student's embedding.
        teacher_dim: Of the teacher's.
        num_classes: Identities; nothing here depends on it.
        distance: ``"cosine"`` or ``"l2"``.
        weight: See ``Term`` for this and the other.
        weight_end: Likewise.
    """

    def __init__(
        self,
        embedding_dim: int,
        teacher_dim: int,
        num_classes: int,
        distance: Literal["cosine", "l2"] = "cosine",
        weight: float = 1.0,
        weight_end: float | None = None,
    ) -> None:
        super().__init__(weight, weight_end)
        if distance not in ("cosine", "l2"):
            raise ConfigError(f"distill.embedding.distance must be cosine or l2, got {distance!r}")
        self.distance = cosine_distance if distance == "cosine" else relative_l2
        same = embedding_dim == teacher_dim
        self.project = nn.Identity() if same else nn.Linear(embedding_dim, teacher_dim, bias=False)

    def forward(self, step: TrainingStep) -> Tensor:
        """A scalar."""
        return self.distance(self.project(step.embeddings), step.teacher)


class RelationTerm(Term):
    """The cosines between the images of a batch, as the student and as the teacher has them.

    Args:
        embedding_dim: Length of the student's embedding; nothing here depends on it.
        teacher_dim: Of the teacher's; likewise.
        num_classes: Identities; likewise.
        weight: See ``Term`` for this and the other.
        weight_end: Likewise.
    """

    def __init__(
        self,
        embedding_dim: int,
        teacher_dim: int,
        num_classes: int,
        weight: float = 1.0,
        weight_end: float | None = None,
    ) -> None:
        super().__init__(weight, weight_end)

    def forward(self, step: TrainingStep) -> Tensor:
        """A scalar."""
        return relation_distance(step.embeddings, step.teacher)


class CentreTerm(Term):
    """ArcFace against class centres that the teacher gives, from each image's own embedding to the mean of its class.

    See :func:`mfn.training.distill.functional.adapted_centres`.

    Args:
        embedding_dim: Length of the student's embedding.
        teacher_dim: Of the teacher's.
        num_classes: Identities.
        scale: Factor of the cosines.
        margin: Radians.
        weight: See ``Term`` for this and the other.
        weight_end: Likewise.
    """

    centres: Tensor

    def __init__(
        self,
        embedding_dim: int,
        teacher_dim: int,
        num_classes: int,
        scale: float = 64.0,
        margin: float = 0.45,
        weight: float = 1.0,
        weight_end: float | None = None,
    ) -> None:
        super().__init__(weight, weight_end)
        if not 0.1 <= scale <= 1000 or not 0 <= margin <= math.pi / 2:
            raise ConfigError(
                f"distill.centres.scale must be between 0.1 and 1000 and margin between 0 and pi / 2, got {scale}, "
                f"{margin}"
            )
        self.scale, self.margin = scale, margin
        same = embedding_dim == teacher_dim
        self.project = nn.Identity() if same else nn.Linear(embedding_dim, teacher_dim, bias=False)
        self.register_buffer("centres", torch.zeros(num_classes, teacher_dim))

    def forward(self, step: TrainingStep) -> Tensor:
        """A scalar."""
        student = self.project(step.embeddings)
        if self.training:
            with torch.no_grad():
                classes, centres = adapted_centres(self.centres, student, step.teacher, step.labels)
                self.centres[classes] = centres
        norms = torch.linalg.vector_norm(student, dim=1)
        scales = torch.full_like(norms, self.scale)
        target = lambda cosine, _: arcface_target(cosine, self.margin)  # noqa: E731
        losses, *_ = margin_softmax(student, Classes.all_of(self.centres, step.labels), scales, norms, target)
        return losses.mean()
