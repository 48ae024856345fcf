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
from mfn.training.depthwise import with_fast_depthwise
from mfn.training.distill.teacher import Teacher
from mfn.training.fused import loss_scale
from mfn.training.head_rows import HeadRows
from mfn.training.looks import figures_are_read
from mfn.training.loops import go_on_between_epochs
from mfn.training.objective import Objective, Parts, Term, Weight, total
from mfn.training.parameter_groups import parameter_groups
from mfn.training.plateau import LowerOnPlateau, plateau_of
from mfn.training.recompute import recompute_blocks
from mfn.training.resume_state import steps_of_run, use_settings, without_schedule_settings
from mfn.training.rounding import Int8Rounding
from mfn.training.schedules import Clock, Plateau, Schedule
from mfn.training.size_schedule import SizeSchedule
from mfn.training.synced_norm import is_synced


def smallest_batch(backbone: nn.Module) -> int:
    """Images that a training step needs: batch normalisation learns nothing from one."""
    return 2 if any(isinstance(module, _BatchNorm) for module in backbone.modules()) else 1


def _named(parts: Parts) -> dict[str, Callable[[], Tensor]]:
    """The parts of a loss for the log, where there is more than the head's."""
    if parts.keys() == {"head"}:
        return {}
    return {f"{name}_loss": lambda part=part: part for name, (_, part) in parts.items()}


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
        recompute: Compute the inside of the network's blocks twice; see :mod:`mfn.training.recompute`.
        compile_backbone: Compile the backbone with ``torch.compile``; a text is its mode, as ``reduce-overhead``.
        seed: With the batch number it decides dropout, so that a resumed run draws the same.
        head_weight: Of the head's loss in the sum, over the run.
        terms: Further terms of the loss by name, which compare with the teacher.
        teacher: Gives the embeddings to learn; no part of what is saved.
        qat: Round weights and activations as int8 files do; see :class:`mfn.training.rounding.Int8Rounding`.
        sizes: Of the images that it learns from over the run; None takes them as they come.

    Attributes:
        clock: How long the run is, once it has begun.
        answers: The class that the head gave each image of the last batch, and its own, int64 (N,); None without them.
    """

    clock: Clock
    answers: tuple[Tensor, Tensor] | None = None

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
        compile_backbone: bool | str = False,
        recompute: bool = False,
        seed: int = 0,
        head_weight: Weight = Weight(),  # noqa: B008 - a tuple
        terms: Mapping[str, Term] | None = None,
        teacher: Teacher | None = None,
        qat: bool = False,
        sizes: SizeSchedule | None = None,
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
        self.seed = seed
        self.head_rows = HeadRows(self, head)
        self.terms = nn.ModuleDict(terms or {})  # what they learn is saved and optimised too
        self.teacher = teacher
        self.objective = Objective(head_weight, dict(self.terms.items()), teacher, norm_penalty)  # type: ignore[arg-type]
        self.rounding = Int8Rounding(backbone) if qat else None
        self.sizes = sizes or SizeSchedule(self.contract)
        self.smallest_batch = smallest_batch(backbone)
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.backbone.to(memory_format=self.memory_format)
        with_fast_depthwise(self.backbone)
        if recompute:
            recompute_blocks(self.backbone)
        if compile_backbone:
            mode = compile_backbone if isinstance(compile_backbone, str) else None
            # Images of few sizes: a program for each is faster than one for all, which PyTorch would make by itself
            self.backbone.compile(mode=mode, dynamic=False if self.sizes.stages else None)

    def forward(self, images: Tensor, contract: InputContract | None = None) -> Tensor:
        """Embeds pixels: uint8 RGB (N, H, W, 3) to float (N, D), not of unit length.

        Args:
            images: Of the contract's size.
            contract: Where it is not the network's own, as at a smaller size.
        """
        pixels = (contract or self.contract).normalize(images).to(next(self.backbone.parameters()).dtype)
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
        """Makes all randomness of the network in this step a function of the seed, the batch and the rank."""
        self._draw(self.global_rank)

    def _draw_alike(self) -> None:
        """Makes that of the head a function of the seed and the batch, however many processes there are."""
        self._draw()

    def _draw(self, *of: int) -> None:
        step = (self.seed, self.trainer.fit_loop.epoch_loop.total_batch_idx, *of)
        torch.manual_seed(int(np.random.SeedSequence(step).generate_state(1, np.uint64)[0]))

    def training_step(self, batch: LabelledBatch, batch_idx: int) -> Tensor | None:
        """One step; a batch of which too few images could be read is passed over.

        Where other processes have enough, this one takes part in what they send one another.
        """
        size = len(batch.labels)
        enough = size >= self._least
        if not enough and self.trainer.world_size == 1:
            return None
        share = self.global_step / self.clock.total_steps
        weight = self.objective.weight(size if enough else 0)
        # Before what the head sends, so that it comes after it on the way back, in all processes alike
        idle = self._nothing(getattr(self.head, "idle", ()) if enough and size else self.parameters())
        if self.objective.has_lessons(share):
            idle = self._nothing(self.parameters())
            if not enough or not size:
                return idle
            parts = self.objective.lessons(batch.images, share, weight)
            loss = total(parts, share)
            self._tell(size, {"loss": lambda: loss, **_named(parts)})
            return loss if idle is None else loss + idle
        self.head.at_step(self.global_step, self.clock.total_steps)  # type: ignore[operator]
        embeddings = self(*self.sizes.seen(batch.images, share)) if enough else self._no_embeddings()
        self._draw_alike()
        labels = batch.labels[: len(embeddings)]
        output = self.head(embeddings, labels)
        parts = self.objective.parts(self.head, output.loss, embeddings, batch, weight)
        loss = total(parts, share) + self.objective.penalty(embeddings, weight)
        told: dict[str, Callable[[], Tensor]] = {"loss": lambda: output.loss if parts.keys() == {"head"} else loss}
        self.answers = (output.predicted, labels) if "head" in parts else None
        if "head" in parts:
            told["accuracy"] = lambda: (output.predicted == labels.to(output.predicted.device)).float().mean()
            told["target_angle"] = lambda: torch.rad2deg(torch.acos(output.target_cosine.clamp(-1, 1))).mean()
        if len(labels):
            self._tell(size, told | _named(parts))
        return loss if idle is None else loss + idle

    @property
    def _least(self) -> int:
        """Images that this process needs for a step: none where batch normalisation sees those of all."""
        return 0 if any(map(is_synced, self.backbone.modules())) else self.smallest_batch

    def _no_embeddings(self) -> Tensor:
        """What a process without images brings to the head; it asks for a gradient where those of the others do."""
        learns = any(parameter.requires_grad for parameter in self.backbone.parameters())
        return torch.zeros(0, self.contract.embedding_dim, device=self.device, requires_grad=learns)

    def _tell(self, size: int, figures: Mapping[str, Callable[[], Tensor]]) -> None:
        """Logs figures of a batch by name, but computes them only where somebody reads them."""
        if figures_are_read(self.trainer):
            values = {f"train/{name}": figure() for name, figure in figures.items()}
            self.log_dict(values, batch_size=size)

    def _nothing(self, parameters: Iterable[nn.Parameter]) -> Tensor | None:
        """A loss of 0 that all parameters take part in whose gradients the other processes wait for."""
        if self.trainer.world_size == 1:
            return None
        common = (each for each in parameters if each.requires_grad and not self.head_rows.holds(each))
        zeros = [0.0 * parameter.sum() for parameter in common]
        return torch.stack(zeros).sum() if zeros else None

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Logs the length of the whole gradient before it is clipped."""
        if figures_are_read(self.trainer):
            norm = self.head_rows.gradient_norm(optimizer)
            self.log("train/gradient_norm", norm / loss_scale(self.trainer, optimizer))

    def on_before_zero_grad(self, optimizer: Optimizer) -> None:
        """Gradients begin anew."""
        self.head_rows.forget()

    def on_after_backward(self) -> None:
        """The optimiser gets the gradients of the class centres that took part."""
        scaled = getattr(self.trainer.precision_plugin, "scaler", None) is not None
        self.head_rows.after_backward(self.trainer.optimizers[0], scaled)

    def configure_gradient_clipping(
        self, optimizer: Any, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        """Clips by the length of the whole gradient, of all processes, or by value."""
        if gradient_clip_val and gradient_clip_algorithm != "value":
            self.head_rows.clip(optimizer, gradient_clip_val)
        else:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def validation_step(self, batch: LabelledBatch, batch_idx: int, dataloader_idx: int = 0) -> Tensor:
        """Embeds; the verification callback does the judging."""
        return self(batch.images).float().clone()  # a CUDA graph writes the next batch over its own output

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
        optimizer = self.make_optimizer(self.head_rows.in_place(self.optimizer_groups()))
        self.head_rows.watch(optimizer)
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
        """Stamps the metadata into the checkpoint, and makes it whole."""
        checkpoint["mfn"] = self.metadata.to_dict()
        self.head_rows.put_together(checkpoint, self.trainer.optimizers)

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
        self.head_rows.take_apart(checkpoint)
        without_schedule_settings(checkpoint, isinstance(self.schedule, Plateau))
