"""Error-versus-discard curves: a quality that knows, one that says nothing, and the areas in closed form."""

import numpy as np
import pytest

from mfn.errors import DataError
from mfn.metrics.discard import discard_curve, pair_quality


def test_a_quality_that_knows_the_errors_reaches_the_ideal_and_one_that_hides_them_harms() -> None:
    wrong = np.arange(10_000) < 1000
    knows = discard_curve(wrong, np.arange(10_000.0), 0.3)
    assert knows.area == pytest.approx(knows.ideal, rel=1e-3) and knows.gain == pytest.approx(1, abs=1e-3)
    assert knows.at(0) == pytest.approx(0.1) and knows.at(0.05) == pytest.approx(0.05 / 0.95) and knows.at(0.2) == 0
    hides = discard_curve(wrong, -np.arange(10_000.0), 0.3)
    assert hides.gain is not None and hides.gain < -0.1 and hides.at(0.3) == pytest.approx(0.1 / 0.7)


def test_a_quality_that_says_nothing_is_flat() -> None:
    random = np.random.default_rng(0)
    curve = discard_curve(random.random(50_000) < 0.1, random.random(50_000), 0.3)
    assert curve.area == pytest.approx(curve.flat, rel=0.02) and curve.gain == pytest.approx(0, abs=0.05)
    same = discard_curve([True, False, False], [1, 1, 1], 0.5)  # one quality: nothing can be discarded
    assert same.shares.tolist() == [0] and same.area == pytest.approx(same.flat)


def test_ties_go_together_and_no_more_than_the_limit_is_discarded() -> None:
    curve = discard_curve([True, True, False, False, False], [0, 0, 1, 1, 2], 0.5)
    np.testing.assert_allclose(curve.shares, [0, 0.4])
    np.testing.assert_allclose(curve.rates, [0.4, 0])
    assert curve.area == pytest.approx(0.4 * 0.4)
    assert discard_curve([False, False], [0, 1], 0.3).gain is None


def test_a_pair_is_as_good_as_its_worse_image() -> None:
    np.testing.assert_array_equal(pair_quality([3, 1, 2], [[0, 1], [0, 2]]), [1, 2])


@pytest.mark.parametrize(
    ("wrong", "quality", "limit"),
    [([True], [np.nan], 0.3), ([True], [1, 2], 0.3), ([], [], 0.3), ([True], [1], 1.0)],
    ids=["nan", "lengths", "nothing", "limit"],
)
def test_what_does_not_fit_is_refused(wrong: list[bool], quality: list[float], limit: float) -> None:
    with pytest.raises(DataError):
        discard_curve(wrong, quality, limit)
