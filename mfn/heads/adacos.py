"""AdaCos: no margin, and a scale that sets itself (Zhang et al. 2019, https://arxiv.org/abs/1905.00292)."""

import math
from typing import Unpack

import torch
from torch import Tensor

from mfn.heads.classes import Classes
from mfn.heads.functional import angle
from mfn.heads.head import Head, HeadOptions, HeadOutput, output_of

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
        options: See ``Head``; of several centres of a class the nearest counts.
    """

    scale: Tensor

    def __init__(
        self,
        embedding_dim: int,
        num_classes: int,
        dynamic: bool = True,
        **options: Unpack[HeadOptions],
    ) -> None:
        super().__init__(embedding_dim, num_classes, **options)
        self.dynamic = dynamic
        self.register_buffer("scale", torch.tensor(max(_LEAST, math.sqrt(2) * math.log(max(1, num_classes - 1)))))

    def _logits(self, embeddings: Tensor, classes: Classes) -> Tensor:
        return self.scale * self._cosines(embeddings, classes)

    def _output(self, embeddings: Tensor, classes: Classes) -> HeadOutput:
        cosines = self._cosines(embeddings, classes)
        if self.dynamic and self.training and len(cosines):
            self.scale.fill_(self._fitting(cosines.detach(), classes))
        return output_of(classes.cross_entropy(self.scale * cosines), cosines, classes)

    def _fitting(self, cosines: Tensor, classes: Classes) -> Tensor:
        others = (self.scale * cosines).masked_fill(classes.is_target(cosines), -math.inf)
        log_mean = classes.log_sum_exp(others).logsumexp(dim=0) - math.log(len(cosines))
        median = angle(classes.target_of(cosines).clamp(-1, 1)).median()
        return (log_mean / median.clamp_max(math.pi / 4).cos()).clamp_min(_LEAST)
