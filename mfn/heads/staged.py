"""Two heads in one run: train with the first until told to go on with the second."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mfn.heads.head import Head, HeadOutput


class StagedHead(nn.Module):
    """Delegates to ``first`` until ``advance`` is called, then to ``second``, over the same class centres.

    Both heads hold one and the same ``weight`` parameter, so the second starts from the centres the first has
    learnt and the optimiser needs no second copy.

    Args:
        embedding_dim: Length of an embedding.
        num_classes: Number of identities.
        first: Makes a head from these two (``_partial_: true`` in YAML).
        second: Likewise.

    Attributes:
        step: Optimiser step that ``at_step`` announced last.
        advanced_at: Step at which the second head took over, None before; saved in the state_dict.
    """

    def __init__(
        self,
        embedding_dim: int,
        num_classes: int,
        first: Callable[[int, int], Head],
        second: Callable[[int, int], Head],
    ) -> None:
        super().__init__()
        self.first = first(embedding_dim, num_classes)
        self.second = second(embedding_dim, num_classes)
        self.second.weight = self.first.weight
        self.step = 0
        self.advanced_at: int | None = None

    @property
    def weight(self) -> nn.Parameter:
        """Class centres (num_classes, embedding_dim), shared by both heads."""
        return self.first.weight

    @property
    def current(self) -> Head:
        """The head that computes the loss now."""
        return self.first if self.advanced_at is None else self.second

    @property
    def idle(self) -> list[nn.Parameter]:
        """What only the other head has, such as the bias of a softmax."""
        used = {id(parameter) for parameter in self.current.parameters()}
        return [parameter for parameter in self.parameters() if id(parameter) not in used]

    def advance(self) -> None:
        """Goes over to the second head, whose steps (for a warm-up) count from here; once is enough."""
        if self.advanced_at is None:
            self.advanced_at = self.step

    def at_step(self, step: int, total_steps: int = 1) -> None:
        """As ``Head.at_step``; the second head is told steps and length of its own part of the run."""
        self.step = step
        before = self.advanced_at or 0
        self.current.at_step(step - before, max(1, total_steps - before))

    def forward(self, embeddings: Tensor, labels: Tensor) -> HeadOutput:
        """As ``Head.forward``, of the current head."""
        return self.current(embeddings, labels)

    def get_extra_state(self) -> Tensor:
        """Step of the change, -1 before it: saved like a buffer, yet out of reach of weight averaging."""
        return torch.tensor(-1 if self.advanced_at is None else self.advanced_at)

    def set_extra_state(self, state: Tensor) -> None:
        """Takes the step of the change from a state_dict."""
        self.advanced_at = None if state < 0 else int(state)
