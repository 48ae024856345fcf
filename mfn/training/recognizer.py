"""FaceRecognizer: a backbone, a margin head and an optimiser as one LightningModule. It knows no files."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from lightning import Callback, LightningModule
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from mfn.checkpoint.format import CheckpointMetadata
from mfn.contract import InputContract
from mfn.errors import CheckpointError
from mfn.training.distill.teacher import Teacher
from mfn.training.loops import go_on_between_epochs
from mfn.training.objective import Term, TrainingStep, Weight
from mfn.training.parameter_groups import parameter_groups
from mfn.training.plateau import LowerOnPlateau, plateau_of
from mfn.training.resume_state import steps_of_run, use_settings, without_schedule_settings
from mfn.training.rounding import Int8Rounding
from mfn.training.schedules import Clock, Plateau, Schedule


def smallest_batch(backbone: nn.Module) -> int:
    """Images that a training step needs: batch normalisation learns nothing from one."""
    return 2 if any(isinstance(module, _BatchNorm) for module in backbone.modules()) else 1


class LabelledBatch(Protocol):
    """What the recogniser needs of a batch: uint8 RGB (N, H, W, 3), int64 (N,) twice, and bool (N,)."""

    images: Tensor
    labels: Tensor
    indices: Tensor
    mirrored: Tensor


class FaceRecognizer(LightningModule):
    """Training of one network.

    Args:
        backbone: Normalised float (N, 3, H, W) to float (N, D).
        head: ``head(embeddings, labels)`` gives an object with ``loss``, ``target_cosine`` and ``predicted``.
        metadata: What travels with the weights; its contract normalises the images.
        optimizer: Takes parameter groups, gives the optimiser; its ``lr`` and ``weight_decay`` are the backbone's.
        schedule: The learning rate over the run; None keeps it.
        last_weight_decay: Weight decay of the layers after the global depthwise convolution and of the head.
        head_lr_factor: The head learns this many times faster than the backbone.
        norm_lr_factor: So do the backbone's parameters of one dimension.
        norm_penalty: Factor of the mean 1-norm of the embeddings that is added to the loss.
        channels_last: Lay out weights channels-last, which is faster on most processors.
        compile_backbone: Compile the backbone with ``torch.compile``.
        seed: With the batch number it decides dropout, so that a resumed run draws the same.
        head_weight: Of the head's loss in the sum, over the run.
        terms: Further terms of the loss by name, which compare with the teacher.
        teacher: Gives the embeddings to learn; no part of what is saved.
        qat: Round weights and activations as int8 files do; see :class:`mfn.training.rounding.Int8Rounding`.

    Attributes:
        clock: How long the run is, once it has begun.
    """

    clock: Clock

    def __init__(
        self,
        backbone: nn.Module,
        head: nn.Module,
        metadata: CheckpointMetadata,
        optimizer: Callable[[list[dict[str, Any]]], Optimizer],
        schedule: Schedule | Plateau | None = None,
        last_weight_decay: float = 4e-4,
        head_lr_factor: float = 1.0,
        norm_lr_factor: float = 1.0,
        norm_penalty: float = 0.0,
        channels_last: bool = True,
        compile_backbone: bool = False,
        seed: int = 0,
        head_weight: Weight = Weight(),  # noqa: B008 - a tuple
        terms: Mapping[str, Term] | None = None,
        teacher: Teacher | None = None,
        qat: bool = False,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.metadata = metadata
        self.contract = InputContract.from_dict(metadata.contract)
        self.make_optimizer = optimizer
        self.schedule = schedule
        self.last_weight_decay = last_weight_decay
        self.head_lr_factor = head_lr_factor
        self.norm_lr_factor = norm_lr_factor
        self.norm_penalty = norm_penalty
        self.seed = seed
        self.head_weight = head_weight
        self.terms = nn.ModuleDict(terms or {})  # what they learn is saved and optimised too
        self.teacher = teacher
        self.rounding = Int8Rounding(backbone) if qat else None
        self.smallest_batch = smallest_batch(backbone)
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.backbone.to(memory_format=self.memory_format)
        if compile_backbone:
            self.backbone.compile()

    def forward(self, images: Tensor) -> Tensor:
        """Embeds pixels: uint8 RGB (N, H, W, 3) to float (N, D), not of unit length."""
        pixels = self.contract.normalize(images).to(next(self.backbone.parameters()).dtype)
        pixels = pixels.contiguous(memory_format=self.memory_format)
        return self.backbone(pixels) if self.rounding is None else self.rounding.run(self.backbone, pixels)

    def configure_callbacks(self) -> list[Callback]:
        """The one schedule that goes by a metric brings what looks at it."""
        return [LowerOnPlateau(self.schedule)] if isinstance(self.schedule, Plateau) else []

    def on_train_start(self) -> None:
        """Finds out how long the run is; one that goes on does so under its own settings."""
        if self.teacher is not None:
            self.teacher.to(self.device)
        self.clock = dataclasses.replace(self.clock, total_steps=steps_of_run(self.trainer))
        use_settings(self.trainer, self.optimizer_groups())

    def on_train_batch_start(self, batch: LabelledBatch, batch_idx: int) -> None:
        """Makes all randomness of this step a function of the seed, the batch and the rank."""
        step = (self.seed, self.trainer.fit_loop.epoch_loop.total_batch_idx, self.global_rank)
        torch.manual_seed(int(np.random.SeedSequence(step).generate_state(1, np.uint64)[0]))

    def training_step(self, batch: LabelledBatch, batch_idx: int) -> Tensor | None:
        """One step; a batch of which too few images could be read is passed over."""
        size = len(batch.labels)
        if size < self.smallest_batch:
            return self._nothing(self.parameters())
        share = self.global_step / self.clock.total_steps
        if lessons := self._lessons(batch, share):
            idle = self._nothing(self.parameters())
            loss = self._sum(lessons, share, size)
            self.log("train/loss", loss, prog_bar=True, batch_size=size)
            return loss if idle is None else loss + idle
        self.head.at_step(self.global_step, self.clock.total_steps)  # type: ignore[operator]
        embeddings = self(batch.images)
        output = self.head(embeddings, batch.labels)
        headless = getattr(self.head, "needs_teacher", False)  # it recognises nobody, and its loss is nothing
        parts = self._other_terms(embeddings, batch)
        loss = self._sum(parts if headless else {"head": (self.head_weight, output.loss), **parts}, share, size)
        if self.norm_penalty > 0:
            loss = loss + self.norm_penalty * embeddings.float().abs().sum(1).mean()
        self.log("train/loss", loss if parts else output.loss, prog_bar=True, batch_size=size)
        if not headless:
            angle = torch.rad2deg(torch.acos(output.target_cosine.clamp(-1, 1))).mean()
            accuracy = (output.predicted == batch.labels).float().mean()
            self.log("train/accuracy", accuracy, prog_bar=True, batch_size=size)
            self.log("train/target_angle", angle, prog_bar=True, batch_size=size)
        idle = self._nothing(getattr(self.head, "idle", ()))
        return loss if idle is None else loss + idle

    def _sum(self, parts: Mapping[str, tuple[Weight, Tensor]], share: float, size: int) -> Tensor:
        """Named parts of the loss, each with its weight after this share of the run and with a line in the log."""
        if parts.keys() != {"head"}:
            self.log_dict({f"train/{name}_loss": part for name, (_, part) in parts.items()}, batch_size=size)
        return torch.stack([weight.at(share) * part for weight, part in parts.values()]).sum()

    def _lessons(self, batch: LabelledBatch, share: float) -> dict[str, tuple[Weight, Tensor]]:
        """The weight and the loss of each term that learns before all others."""
        learning: dict[str, Any] = {name: term for name, term in self.terms.items() if share < term.lessons}  # type: ignore[operator]
        return {name: (term.weighing, term.lesson(batch.images)) for name, term in learning.items()}

    def _other_terms(self, embeddings: Tensor, batch: LabelledBatch) -> dict[str, tuple[Weight, Tensor]]:
        """The weight and the value of each term beside the head, in float32."""
        if self.teacher is None:
            return {}
        with torch.autocast(embeddings.device.type, enabled=False):
            step = TrainingStep(embeddings.float(), self.teacher(batch).to(embeddings.device), batch.labels)
            return {name: (term.weighing, term(step)) for name, term in self.terms.items()}  # type: ignore[misc]

    def _nothing(self, parameters: Iterable[nn.Parameter]) -> Tensor | None:
        """A loss of 0 that every parameter takes part in, since the other processes wait for its gradient."""
        if self.trainer.world_size == 1:
            return None
        zeros = [0.0 * parameter.sum() for parameter in parameters if parameter.requires_grad]
        return torch.stack(zeros).sum() if zeros else None

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Logs the length of the whole gradient before it is clipped."""
        gradients = [p.grad for p in self.parameters() if p.grad is not None]
        self.log("train/gradient_norm", nn.utils.get_total_norm(gradients))

    def validation_step(self, batch: LabelledBatch, batch_idx: int, dataloader_idx: int = 0) -> Tensor:
        """Embeds; the verification callback does the judging."""
        return self(batch.images).float()

    def optimizer_groups(self) -> list[dict[str, Any]]:
        """The parameter groups; learning rate and weight decay of the backbone are the optimiser's defaults."""
        defaults = self.make_optimizer([{"params": [nn.Parameter(torch.zeros(1))]}]).defaults
        groups = parameter_groups(
            self.backbone,
            nn.ModuleDict({"head": self.head, "terms": self.terms}),
            defaults["weight_decay"],
            self.last_weight_decay,
            defaults["lr"],
            self.head_lr_factor,
            self.norm_lr_factor,
        )
        return [{**defaults, **group, "initial_lr": group["lr"]} for group in groups]

    def configure_optimizers(self) -> Any:
        """Parameter groups, optimiser and schedule."""
        self.clock = self._planned()
        optimizer = self.make_optimizer(self.optimizer_groups())
        # The first that happens after Lightning has restored its loops
        optimizer.register_load_state_dict_post_hook(lambda _: go_on_between_epochs(self.trainer))
        if self.schedule is None:
            return optimizer
        if isinstance(self.schedule, Plateau):
            return {"optimizer": optimizer, "lr_scheduler": plateau_of(self.schedule, optimizer)}
        schedule = self.schedule
        scheduler = LambdaLR(optimizer, lambda step: schedule.factor(step, self.clock))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _planned(self) -> Clock:
        self.trainer.fit_loop.setup_data()  # with max_steps nothing else has asked for the epoch's length yet
        steps_per_epoch = math.ceil(self.trainer.num_training_batches / self.trainer.accumulate_grad_batches)
        return Clock(total_steps=int(self.trainer.estimated_stepping_batches), steps_per_epoch=max(1, steps_per_epoch))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Stamps the metadata into the checkpoint."""
        checkpoint["mfn"] = self.metadata.to_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuses to go on with other pixels or other classes than the checkpoint was trained on.

        Raises:
            CheckpointError: They differ.
        """
        metadata = CheckpointMetadata.of(checkpoint, "the checkpoint")
        if changed := InputContract.from_dict(metadata.contract).differences(self.contract):
            raise CheckpointError(f"the checkpoint was trained under another input contract: {'; '.join(changed)}")
        if (metadata.label_map, metadata.label_names) != (self.metadata.label_map, self.metadata.label_names):
            before, now = len(metadata.label_map), len(self.metadata.label_map)
            raise CheckpointError(
                f"the checkpoint knows {before} classes, this data has {now}{' others' if before == now else ''}; "
                "use model_path= in place of ckpt_path= to start from its weights with a new head"
            )
        without_schedule_settings(checkpoint, isinstance(self.schedule, Plateau))
