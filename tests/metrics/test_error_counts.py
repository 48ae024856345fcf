"""The rules of 3 and of 30, and the FPIR of larger galleries."""

import numpy as np
import pytest

from mfn.errors import DataError
from mfn.metrics.error_counts import comparisons_needed, extrapolated_fpir, rule_of_3


def test_the_rule_of_3_is_the_exact_bound_of_no_errors() -> None:
    for number in (100, 3000, 10**6):
        exact = 1 - 0.05 ** (1 / number)  # the rate at which no error in so many comparisons has 5 % probability
        assert rule_of_3(number) == pytest.approx(exact, rel=0.02)
    assert rule_of_3(2) == 1
    assert comparisons_needed(1e-3) == 3000 and comparisons_needed(1) == 3


def test_a_larger_gallery_is_met_by_more_strangers() -> None:
    assert extrapolated_fpir(0.01, 1000, 1000) == pytest.approx(0.01)
    assert extrapolated_fpir(0.01, 1000, 2000) == pytest.approx(1 - 0.99**2)
    assert extrapolated_fpir(0, 10, 10**6) == 0 and extrapolated_fpir(1, 10, 20) == 1
    random = np.random.default_rng(0)  # strangers against independent people
    best = np.maximum.reduceat(random.random(200_000), np.arange(0, 200_000, 100))
    threshold = np.quantile(best, 0.9)
    measured = (np.maximum.reduceat(random.random(800_000), np.arange(0, 800_000, 400)) >= threshold).mean()
    assert extrapolated_fpir(0.1, 100, 400) == pytest.approx(measured, abs=0.04)


@pytest.mark.parametrize("wrong", [(-0.1, 1, 1), (0.1, 0, 1), (0.1, 1, 0)], ids=["rate", "nobody", "to_nobody"])
def test_what_cannot_be_is_refused(wrong: tuple[float, int, int]) -> None:
    with pytest.raises(DataError):
        extrapolated_fpir(*wrong)
    with pytest.raises(DataError):
        rule_of_3(0)
    with pytest.raises(DataError):
        comparisons_needed(0)
