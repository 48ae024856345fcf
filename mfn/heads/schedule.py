"""Values that change during training, as functions of the optimiser step alone: a resumed run agrees."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ramp:
    """Rises linearly from 0 to 1; a jump where ``length`` is 0.

    Attributes:
        start: Where it leaves 0.
        length: From there to where it reaches 1.
        of_run: Both are shares of the run, not optimiser steps.
    """

    start: float = 0.0
    length: float = 0.0
    of_run: bool = False

    def __call__(self, step: int, total_steps: int) -> float:
        """The height, 0..1, at an optimiser step of a run of ``total_steps``."""
        position = step / total_steps if self.of_run else step
        if position >= self.start + self.length:
            return 1.0
        return max(0.0, position - self.start) / (self.length or 1.0)


@dataclass(frozen=True, slots=True)
class Annealing:
    """SphereFace's lambda = max(minimum, base * (1 + gamma * step) ** -power).

    The defaults are those of the authors' Caffe layer.
    """

    base: float = 1000.0
    gamma: float = 0.12
    power: float = 1.0
    minimum: float = 5.0

    def __call__(self, step: int) -> float:
        """Lambda at an optimiser step."""
        return max(self.minimum, self.base * (1 + self.gamma * step) ** -self.power)
