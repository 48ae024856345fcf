"""Learning-rate schedules: pure functions of where a run stands, so that a resumed run needs no state for them."""

import math
from dataclasses import dataclass
from typing import Literal

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat

from mfn.errors import ConfigError

Unit = Literal["steps", "epochs", "run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """How long a run is.

    Attributes:
        total_steps: Optimiser steps of the whole run.
        steps_per_epoch: Optimiser steps of one epoch.
    """

    total_steps: int
    steps_per_epoch: int

    def steps(self, amount: float, unit: Unit) -> float:
        """An amount of ``"steps"``, ``"epochs"`` or shares of the ``"run"``, in steps."""
        return amount * {"steps": 1, "epochs": self.steps_per_epoch, "run": self.total_steps}[unit]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Base of all schedules: a linear warm-up, then what the subclass says.

    Attributes:
        unit: What every length of the schedule is counted in: ``"steps"``, ``"epochs"`` or shares of the ``"run"``.
        warmup: Length of the warm-up.
        warmup_from: Factor at its first step.
    """

    unit: Unit = "epochs"
    warmup: float = 0.0
    warmup_from: float = 0.0

    def __post_init__(self) -> None:
        if self.unit not in ("steps", "epochs", "run"):
            raise ConfigError(f"scheduler.unit must be steps, epochs or run, got {self.unit!r}")
        if self.warmup < 0 or not 0 <= self.warmup_from <= 1:
            raise ConfigError(
                f"scheduler.warmup must not be negative and warmup_from lie in [0, 1], "
                f"got {self.warmup}, {self.warmup_from}"
            )

    def factor(self, step: int, clock: Clock) -> float:
        """What the base learning rate is multiplied by at a step.

        Args:
            step: Optimiser steps taken so far.
            clock: Length of the run.
        """
        warmup = clock.steps(self.warmup, self.unit)
        if step < warmup:
            return self.warmup_from + (1 - self.warmup_from) * (step + 1) / math.ceil(warmup)
        return self.after_warmup(step, warmup, clock)

    def after_warmup(self, step: int, warmup: float, clock: Clock) -> float:
        """The factor at a step past the warm-up; constant unless a subclass says otherwise."""
        return 1.0


@dataclass(frozen=True, kw_only=True)
class MultiStep(Schedule):
    """Multiplies the learning rate by ``gamma`` at each milestone, counted from the start of the run."""

    milestones: tuple[float, ...]
    gamma: PositiveFloat = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if list(self.milestones) != sorted(self.milestones):
            raise ConfigError(f"scheduler.milestones must rise, got {list(self.milestones)}")

    def after_warmup(self, step: int, warmup: float, clock: Clock) -> float:
        """``gamma`` to the number of milestones passed."""
        return self.gamma ** sum(step >= clock.steps(m, self.unit) for m in self.milestones)


@dataclass(frozen=True, kw_only=True)
class Polynomial(Schedule):
    """``(1 - progress) ** power`` between the warm-up and the end of the run."""

    power: PositiveFloat = 2.0

    def after_warmup(self, step: int, warmup: float, clock: Clock) -> float:
        """Falls from 1 to 0."""
        return (1 - _progress(step, warmup, clock)) ** self.power


@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """Half a cosine from 1 to ``final`` between the warm-up and the end of the run."""

    final: NonNegativeFloat = 0.0

    def after_warmup(self, step: int, warmup: float, clock: Clock) -> float:
        """Falls from 1 to ``final``."""
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * _progress(step, warmup, clock))) / 2


@dataclass(frozen=True, kw_only=True)
class ExponentialStaircase(Schedule):
    """Multiplies the learning rate by ``gamma`` after every ``every`` units."""

    every: PositiveFloat
    gamma: PositiveFloat = 0.1

    def after_warmup(self, step: int, warmup: float, clock: Clock) -> float:
        """``gamma`` to the number of whole stairs taken."""
        return self.gamma ** math.floor(step / clock.steps(self.every, self.unit))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plateau:
    """Multiplies the learning rate by ``factor`` when a metric has stalled; the one schedule that has state.

    Attributes:
        monitor: Name of a logged metric.
        mode: Whether the metric should become ``"min"`` or ``"max"``.
        factor: What the learning rate is multiplied by.
        patience: Validations without improvement before that.
        min_lr: Never below this learning rate.
    """

    monitor: str = "val/held_out/accuracy"
    mode: Literal["min", "max"] = "max"
    factor: PositiveFloat = 0.2
    patience: NonNegativeInt = 5
    min_lr: NonNegativeFloat = 0.0


def _progress(step: int, warmup: float, clock: Clock) -> float:
    return min(1.0, max(0.0, (step - warmup) / max(1.0, clock.total_steps - warmup)))
