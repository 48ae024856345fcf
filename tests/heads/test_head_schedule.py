import pytest

from mfn.heads.schedule import Annealing, Ramp


@pytest.mark.parametrize(
    ("ramp", "heights"),
    [
        (Ramp(), {0: 1.0, 50: 1.0}),
        (Ramp(10, 20), {0: 0.0, 10: 0.0, 15: 0.25, 30: 1.0, 99: 1.0}),
        (Ramp(10, 0), {9: 0.0, 10: 1.0}),
        (Ramp(0.5, 0.25, of_run=True), {0: 0.0, 50: 0.0, 60: 0.4, 75: 1.0, 100: 1.0}),
        (Ramp(1, 1, of_run=True), {100: 0.0}),
    ],
)
def test_ramp(ramp: Ramp, heights: dict[int, float]) -> None:
    assert {step: ramp(step, 100) for step in heights} == pytest.approx(heights)


def test_annealing_falls_from_base_to_minimum() -> None:
    annealing = Annealing()
    assert annealing(0) == 1000
    assert annealing(100) == pytest.approx(1000 / 13)
    assert annealing(10**6) == 5
