"""Figures against PyEER, an independent program for biometric error rates (MIT licence)."""

import numpy as np
import pytest

from mfn.metrics.normal import normal_deviate
from mfn.metrics.verification import fnmr_at_fmr, roc

stats = pytest.importorskip("pyeer.eer_stats", reason="pip install pyeer")  # pyeer.eer_info needs pkg_resources


@pytest.mark.parametrize("digits", [2, 8], ids=["ties", "fine"])
def test_rates_at_every_threshold_eer_and_area_are_those_of_pyeer(digits: int) -> None:
    random = np.random.default_rng(digits)
    genuine = np.round(random.normal(0.5, 0.2, 700), digits)
    impostor = np.round(random.normal(0.0, 0.15, 1900), digits)
    scores = np.concatenate([genuine, impostor])
    same = np.arange(len(scores)) < len(genuine)
    thresholds, fmr, fnmr = stats.calculate_roc(genuine, impostor)
    ours = roc(scores, same)
    np.testing.assert_allclose(ours.thresholds[:0:-1], thresholds)
    np.testing.assert_allclose(ours.far[:0:-1], fmr, atol=1e-12)
    np.testing.assert_allclose(1 - ours.tar[:0:-1], fnmr, atol=1e-12)
    _, low, high, _ = stats.get_eer_values(fmr, fnmr)
    assert min(low, high) - 2e-3 <= ours.eer <= max(low, high) + 2e-3
    assert ours.area == pytest.approx(stats.calculate_roc_auc(fmr, fnmr), abs=1e-3)
    for rate in (1e-2, 1e-3):
        assert fnmr_at_fmr(scores, same, rate) == pytest.approx(fnmr[fmr <= rate].min())


def test_normal_deviates_are_those_of_the_standard_library() -> None:
    from statistics import NormalDist

    shares = [1e-6, 1e-3, 0.02, 0.5, 0.9]
    np.testing.assert_allclose(normal_deviate(shares), [NormalDist().inv_cdf(share) for share in shares], rtol=1e-9)
