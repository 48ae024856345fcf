"""The blocks of a network against those of a teacher of the same make."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from mfn.contract import InputContract
from mfn.errors import ConfigError
from mfn.training.distill.functional import unexplained
from mfn.training.distill.teacher import CachedTeacher, Teacher
from mfn.training.objective import Term, TrainingStep

Shape = tuple[int, ...]


class BlockTerm(Term):
    """What each block gives, against what the teacher's gives, as the share of its variance that is not explained.

    During the first part of the run the blocks learn alone, each from what the teacher's block before it gives: many
    short lessons side by side in place of one long one (Koratana et al. 2019, arXiv 1810.01937). A block sees little
    of the image, so small crops do for them, at a share of the work. Then the student runs as a whole, and the rest of
    the loss joins in.

    Both networks must have their layers in ``features``, and the shapes that follow one another there must agree;
    where the teacher has more blocks of a shape, or fewer, the last of each are compared.

    Args:
        embedding_dim: Length of the student's embedding; nothing here depends on it.
        teacher_dim: Of the teacher's; likewise.
        num_classes: Identities; likewise.
        lessons: Part of the run in which the blocks learn alone, 0..1.
        crop: Height and width of the crops in that part; None takes whole images.
        weight: See ``Term`` for this and the other.
        weight_end: Likewise.

    Raises:
        ConfigError: A value makes no sense.
    """

    def __init__(
        self,
        embedding_dim: int,
        teacher_dim: int,
        num_classes: int,
        lessons: float = 0.5,
        crop: int | None = 64,
        weight: float = 1.0,
        weight_end: float | None = None,
    ) -> None:
        super().__init__(weight, weight_end)
        if not 0 <= lessons <= 1 or (crop is not None and crop < 16):
            raise ConfigError(
                f"distill.blocks.lessons must lie in [0, 1] and crop be null or at least 16, got {lessons} and {crop}"
            )
        self.lessons = lessons
        self.crop = crop
        # In lists, since no module of the networks is a part of this one
        self._student: list[nn.Sequential] = []
        self._teacher: list[nn.Sequential] = []
        self._contracts: list[InputContract] = []
        self._seen: dict[str, dict[int, Tensor]] = {"student": {}, "teacher": {}}

    def attach(self, backbone: nn.Module, contract: InputContract, teacher: Teacher) -> None:
        """Finds the blocks that belong together.

        Raises:
            ConfigError: The teacher is none of the same make, or its answers come from a file.
        """
        if isinstance(teacher, CachedTeacher):
            raise ConfigError("distill=[blocks] looks into the teacher, which teacher_cache keeps out: leave that out")
        theirs = getattr(teacher.embedder.network, "module", None)
        if not isinstance(theirs, nn.Module):
            raise ConfigError(
                f"distill=[blocks] looks into the teacher, and {teacher.name} is a file that only runs as a whole: "
                "bring its weights over with mfn import FILE"
            )
        image = torch.zeros(1, 3, contract.height, contract.width)
        self._contracts = [contract, teacher.embedder.contract]
        self._student, self._teacher = _sections(backbone, theirs, image, teacher.name)
        for who, sections in (("student", self._student), ("teacher", self._teacher)):
            for number, section in enumerate(sections):
                section[-1].register_forward_hook(partial(self._keep, who, number))

    def _keep(self, who: str, number: int, _: nn.Module, __: Any, output: Tensor) -> None:
        if self.training and (who == "teacher" or torch.is_grad_enabled()):
            self._seen[who][number] = output

    def lesson(self, images: Tensor) -> Tensor:
        """The loss of blocks that learn alone, from uint8 RGB (N, H, W, 3)."""
        place = self._place(images.shape[1:3])
        ours, theirs = (
            contract.normalize(images)[place].contiguous(memory_format=torch.channels_last)
            for contract in self._contracts
        )
        kind = next(self._student[0].parameters()).dtype
        losses, ours = [], ours.to(kind)
        for student, teacher in zip(self._student, self._teacher, strict=True):
            with torch.no_grad():
                wanted = teacher(theirs)
            losses.append(unexplained(student(ours).float(), wanted.float()))
            ours, theirs = wanted.to(kind), wanted
        self._forget()
        return torch.stack(losses).mean()

    def forward(self, step: TrainingStep) -> Tensor:
        """A scalar, from what the blocks gave when the networks ran last."""
        ours, theirs = self._seen["student"], self._seen["teacher"]
        losses = [unexplained(ours[number].float(), theirs[number].float()) for number in range(len(self._student))]
        self._forget()
        return torch.stack(losses).mean()

    def _forget(self) -> None:
        for seen in self._seen.values():
            seen.clear()

    def _place(self, size: Sequence[int]) -> tuple[Any, ...]:
        """Where a batch (N, C, H, W) is cut."""
        parts = [length if self.crop is None else min(self.crop, length) for length in size]
        starts = [int(torch.randint(length - part + 1, ())) for length, part in zip(size, parts, strict=True)]
        return (..., *(slice(start, start + part) for start, part in zip(starts, parts, strict=True)))


def _sections(
    student: nn.Module, teacher: nn.Module, image: Tensor, name: str
) -> tuple[list[nn.Sequential], list[nn.Sequential]]:
    """Both networks cut where their shapes agree, as finely as possible."""
    layers = [getattr(network, "features", None) for network in (student, teacher)]
    if not all(isinstance(part, nn.Sequential) for part in layers):
        raise ConfigError(f"distill=[blocks]: the network or teacher={name} has no blocks that follow one another")
    shapes = [_shapes(part, image) for part in layers]  # type: ignore[arg-type]
    if shapes[0] == shapes[1]:
        ends = [list(range(1, len(shapes[0]) + 1))] * 2
    else:
        ends = [_last_of_each(found) for found in shapes]
        if [shapes[0][end - 1] for end in ends[0]] != [shapes[1][end - 1] for end in ends[1]]:
            raise ConfigError(
                f"distill=[blocks]: teacher={name} is of another make: its blocks give other shapes than the network's"
            )
    cut = [
        [part[start:end] for start, end in zip([0, *wanted[:-1]], wanted, strict=True)]  # type: ignore[index]
        for part, wanted in zip(layers, ends, strict=True)
    ]
    return cut[0], cut[1]


@torch.no_grad()
def _shapes(layers: nn.Sequential, image: Tensor) -> list[Shape]:
    """What each layer gives for an image, in evaluation mode."""
    training = layers.training
    like = next(layers.parameters())
    shapes, values = [], image.to(like.device, like.dtype)
    layers.eval()
    for layer in layers:
        values = layer(values)
        shapes.append(tuple(values.shape[1:]))
    layers.train(training)
    return shapes


def _last_of_each(shapes: Sequence[Shape]) -> list[int]:
    """Behind each layer after which the shape changes, and behind the last."""
    return [at for at in range(1, len(shapes) + 1) if at == len(shapes) or shapes[at] != shapes[at - 1]]
