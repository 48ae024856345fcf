"""The softmax over cosines where a margin makes the target's smaller, and what a margin may go by."""

import inspect
from abc import abstractmethod
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from mfn.errors import ConfigError
from mfn.heads.classes import Classes
from mfn.heads.functional import TargetFunction, focal, straight_through
from mfn.heads.fused import margin_softmax
from mfn.heads.head import Head, HeadOptions, HeadOutput, check_range, mean_of, output_of
from mfn.heads.schedule import Ramp


class MarginContext(NamedTuple):
    """What a margin may depend on beside the target's cosine.

    Attributes:
        norms: Length of each embedding, (N,), differentiable.
        labels: int64 (N,).
        share: Part of the margin that is in force now, 0..1.
    """

    norms: Tensor
    labels: Tensor
    share: float


class MarginOptions(HeadOptions, total=False):
    """Keyword arguments that every margin head passes on to ``MarginHead``."""

    easy: bool
    straight_through: bool
    filter_above: float | None
    focal_gamma: float
    label_smoothing: float
    scale_start: float | None
    warmup_start: float
    warmup_length: float
    warmup_unit: Literal["steps", "run"]


class MarginHead(Head):
    """Softmax cross-entropy of scale * cosine, where the target's cosine is made smaller by a margin.

    A subclass has ``target_logit``, which may do without its second argument. It may also change the other classes'
    cosines by ``negatives``, and keep statistics by ``observe``. Without ``negatives``, ``sub_centres`` and
    ``label_smoothing`` the loss is computed in one fused step.

    Args:
        embedding_dim: Length of an embedding.
        num_classes: Number of identities.
        scale: Factor of the cosines; None takes each embedding's own length, as SphereFace does.
        easy: Margin only where the target cosine is above 0 (the logit jumps down there).
        straight_through: Apply the margin without its gradient, as InsightFace does: the slope of the target
            logit against the target cosine is 1 everywhere.
        sub_centres: Centres of each class, of which the nearest counts: faces that are labelled wrongly gather
            around a centre of their own (Deng et al. 2020, "Sub-center ArcFace", eq. 4).
        filter_above: Other classes nearer than this cosine count as if at a right angle, since they are likely the
            same person under another label (InsightFace's inter-class filtering); None leaves all in.
        focal_gamma: Exponent of the focal loss, which weighs hard samples more; 0 weighs all alike.
        label_smoothing: Share of the target that goes to all classes alike (Szegedy et al., arXiv 1512.00567,
            section 7); such a loss takes the plain path.
        scale_start: The scale grows from here together with the margin; None has the full scale all along.
        warmup_start: Until here there is no margin.
        warmup_length: From there the margin grows, linearly, to its full value.
        warmup_unit: What the two are counted in: optimiser ``"steps"`` or shares of the ``"run"``.
        init_std: See ``Head``.
        sample_rate: See ``Head``.
        offload: See ``Head``.
    """

    _sees_context: bool

    def __init__(
        self,
        embedding_dim: int,
        num_classes: int,
        scale: float | None,
        easy: bool = False,
        straight_through: bool = False,
        sub_centres: int = 1,
        filter_above: float | None = None,
        focal_gamma: float = 0.0,
        label_smoothing: float = 0.0,
        scale_start: float | None = None,
        warmup_start: float = 0.0,
        warmup_length: float = 0.0,
        warmup_unit: Literal["steps", "run"] = "steps",
        init_std: float = 0.01,
        sample_rate: float = 1.0,
        offload: bool = False,
    ) -> None:
        super().__init__(embedding_dim, num_classes, init_std, sub_centres, sample_rate, offload)
        if scale is not None:
            check_range("scale", scale, 0.1, 1000)
        if scale_start is not None:
            check_range("scale_start", scale_start, 0.1, 1000)
            if scale is None:
                raise ConfigError(f"head.scale_start={scale_start} needs a scale to grow to, and head.scale is null")
            if not warmup_start and not warmup_length:
                raise ConfigError(f"head.scale_start={scale_start} grows during a warm-up: set head.warmup_length")
        if filter_above is not None:
            check_range("filter_above", filter_above, 0, 1)
        check_range("focal_gamma", focal_gamma, 0, 10)
        check_range("label_smoothing", label_smoothing, 0, 0.9)
        if warmup_unit not in ("steps", "run"):
            raise ConfigError(f"head.warmup_unit must be steps or run, got {warmup_unit!r}")
        longest = 1 if warmup_unit == "run" else 1e12
        check_range("warmup_start", warmup_start, 0, longest)
        check_range("warmup_length", warmup_length, 0, longest)
        self.scale = scale
        self.easy = easy
        self.straight_through = straight_through
        self.filter_above = filter_above
        self.focal_gamma = focal_gamma
        self.label_smoothing = label_smoothing
        self.scale_start = scale_start
        self.warmup = Ramp(warmup_start, warmup_length, of_run=warmup_unit == "run")

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._sees_context = len(inspect.signature(cls.target_logit).parameters) > 2

    @property
    def margin_share(self) -> float:
        """Part of the margin that is in force now, 0..1."""
        return self.warmup(self.step, self.total_steps)

    @abstractmethod
    def target_logit(self, cosine: Tensor, context: MarginContext) -> Tensor:
        """The margin: target cosines (N,) in [-1, 1] -> their logits before scale (N,), differentiable."""

    def negatives(self, cosine: Tensor, margined: Tensor, context: MarginContext) -> Tensor:
        """Changes the cosines with the other classes; the target's own column is replaced afterwards.

        Args:
            cosine: (N, K), K being the classes that take part in this process.
            margined: The targets' logits before scale, (N,).
            context: See :class:`MarginContext`.
        """
        return cosine

    def observe(self, cosine: Tensor, context: MarginContext) -> None:
        """Takes the target cosines (N,), without gradient, into statistics; called once in each training step."""

    @property
    def is_fused(self) -> bool:
        """Whether the loss needs no matrix of logits of its own."""
        plain = self.sub_centres > 1 or self.label_smoothing > 0
        return not plain and type(self).negatives is MarginHead.negatives

    def _target(self, labels: Tensor, observing: bool = False) -> TargetFunction:
        """The margin as a function of target cosines and norms alone."""

        def target(cosine: Tensor, norms: Tensor) -> Tensor:
            context = MarginContext(norms, labels, self.margin_share)
            if observing:
                self.observe(cosine.detach(), context._replace(norms=norms.detach()))
            margin: Any = self.target_logit
            value = margin(cosine, context) if self._sees_context else margin(cosine)
            if self.easy:
                value = torch.where(cosine > 0, value, cosine)
            return straight_through(value, cosine) if self.straight_through else value

        return target

    def _scales(self, norms: Tensor) -> Tensor:
        if self.scale is None:
            return norms
        start = self.scale if self.scale_start is None else self.scale_start
        return torch.full_like(norms, start + (self.scale - start) * self.margin_share)

    def _output(self, embeddings: Tensor, classes: Classes) -> HeadOutput:
        norms = torch.linalg.vector_norm(embeddings, dim=1)
        target = self._target(classes.labels, observing=self.training)
        if self.is_fused:
            scales = self._scales(norms)
            losses, cosine, predicted = margin_softmax(embeddings, classes, scales, norms, target, self.filter_above)
            return HeadOutput(mean_of(self._weighed(losses)), cosine, predicted)
        cosines = self._cosines(embeddings, classes)
        losses = classes.cross_entropy(self._margined(cosines, norms, classes, target), self.label_smoothing)
        return output_of(self._weighed(losses), cosines, classes)

    def _weighed(self, losses: Tensor) -> Tensor:
        return focal(losses, self.focal_gamma) if self.focal_gamma else losses

    def _logits(self, embeddings: Tensor, classes: Classes) -> Tensor:
        norms = torch.linalg.vector_norm(embeddings, dim=1)
        return self._margined(self._cosines(embeddings, classes), norms, classes, self._target(classes.labels))

    def _margined(self, cosines: Tensor, norms: Tensor, classes: Classes, target: TargetFunction) -> Tensor:
        """All logits (N, K): the plain, slow form of what :mod:`mfn.heads.fused` computes."""
        margined = target(classes.target_of(cosines).clamp(-1, 1), norms)
        context = MarginContext(classes.part.shared(norms), classes.labels, self.margin_share)
        others = self.negatives(cosines, classes.part.shared(margined), context)
        if self.filter_above is not None:
            others = torch.where(cosines > self.filter_above, 0.0, others)
        return classes.part.shared(self._scales(norms))[:, None] * classes.with_target(others, margined)
