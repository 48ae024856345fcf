import math
from itertools import pairwise

import pytest

from mfn.errors import ConfigError
from mfn.training.schedules import Clock, Cosine, ExponentialStaircase, MultiStep, Polynomial, Schedule

CLOCK = Clock(total_steps=1000, steps_per_epoch=100)


def test_multistep_counts_in_steps_epochs_or_shares_alike() -> None:
    schedules = [
        MultiStep(unit="steps", milestones=(300, 700)),
        MultiStep(unit="epochs", milestones=(3, 7)),
        MultiStep(unit="run", milestones=(0.3, 0.7)),
    ]
    for step, factor in [(0, 1), (299, 1), (300, 0.1), (699, 0.1), (700, 0.01), (5000, 0.01)]:
        assert [s.factor(step, CLOCK) for s in schedules] == pytest.approx([factor] * 3)


def test_polynomial_and_cosine_fall_from_one_to_their_end() -> None:
    assert Polynomial(power=2).factor(500, CLOCK) == pytest.approx(0.25)
    assert Polynomial(power=2).factor(1000, CLOCK) == 0
    cosine = Cosine(unit="run", warmup=0.1, final=0.2)
    assert cosine.factor(100, CLOCK) == pytest.approx(1)
    assert cosine.factor(550, CLOCK) == pytest.approx(0.6)
    assert cosine.factor(1000, CLOCK) == pytest.approx(0.2)


def test_staircase_steps_down_at_whole_stairs() -> None:
    stairs = ExponentialStaircase(unit="steps", every=200, gamma=0.5)
    assert [stairs.factor(s, CLOCK) for s in (0, 199, 200, 399, 400)] == [1, 1, 0.5, 0.5, 0.25]


def test_warmup_rises_linearly_and_reaches_one() -> None:
    schedule = Schedule(unit="steps", warmup=10, warmup_from=0.5)
    values = [schedule.factor(step, CLOCK) for step in range(12)]
    assert values[0] == pytest.approx(0.55)
    assert values[9:] == [1, 1, 1]
    steps = [b - a for a, b in pairwise(values[:10])]
    assert steps == pytest.approx([0.05] * 9)


def test_no_schedule_goes_below_zero_past_its_end() -> None:
    for schedule in (Polynomial(), Cosine(), Polynomial(unit="run", warmup=1.0)):
        assert math.isfinite(schedule.factor(10_000, CLOCK))
        assert 0 <= schedule.factor(10_000, CLOCK) <= 1


@pytest.mark.parametrize("wrong", [{"unit": "weeks"}, {"warmup": -1}, {"warmup_from": 2}])
def test_nonsense_is_refused(wrong: dict) -> None:
    with pytest.raises(ConfigError, match="scheduler"):
        Schedule(**wrong)
    with pytest.raises(ConfigError, match="rise"):
        MultiStep(milestones=(7, 3))
