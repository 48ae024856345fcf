"""AdaCos: no margin, and a scale that sets itself (Zhang et al. 2019, https://arxiv.org/abs/1905.00292)."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from mfn.heads.functional import angle
from mfn.heads.head import Head, HeadOutput, output_of

_LEAST = math.sqrt(2) * math.log(2)
"""The fixed scale of three classes, from which on the formula makes sense."""


class AdaCosHead(Head):
    """Softmax cross-entropy of s * cos(theta).

    s starts at sqrt(2) * ln(C - 1) (eq. 12). With ``dynamic`` it becomes ln(B) / cos(min(pi / 4, median angle of the
    targets)) in each step, B being the mean sum of exp(s * cos) over the other classes (eq. 15).

    Args:
        embedding_dim: Length of an embedding.
        num_classes: Number of identities.
        dynamic: Whether s follows the training.
        sub_centres: Centres of each class, of which the nearest counts.
        init_std: See ``Head``.
    """

    scale: Tensor

    def __init__(
        self,
        embedding_dim: int,
        num_classes: int,
        dynamic: bool = True,
        sub_centres: int = 1,
        init_std: float = 0.01,
    ) -> None:
        super().__init__(embedding_dim, num_classes, init_std, sub_centres)
        self.dynamic = dynamic
        self.register_buffer("scale", torch.tensor(max(_LEAST, math.sqrt(2) * math.log(max(1, num_classes - 1)))))

    def _logits(self, embeddings: Tensor, centres: Tensor, labels: Tensor) -> Tensor:
        return self.scale * self._cosines(embeddings, centres)

    def _output(self, embeddings: Tensor, centres: Tensor, labels: Tensor) -> HeadOutput:
        cosines = self._cosines(embeddings, centres)
        if self.dynamic and self.training:
            self.scale.fill_(self._fitting(cosines.detach(), labels[:, None]))
        return output_of(F.cross_entropy(self.scale * cosines, labels, reduction="none"), cosines, labels)

    def _fitting(self, cosines: Tensor, column: Tensor) -> Tensor:
        others = (self.scale * cosines).scatter(1, column, -math.inf)
        log_mean = others.logsumexp(dim=(0, 1)) - math.log(len(cosines))
        median = angle(cosines.gather(1, column).clamp(-1, 1)).median()
        return (log_mean / median.clamp_max(math.pi / 4).cos()).clamp_min(_LEAST)
