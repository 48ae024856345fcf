import numpy as np
import pytest

from mfn.errors import DataError
from mfn.metrics.verification import (
    best_threshold,
    eer,
    fnmr_at_fmr,
    kfold_accuracy,
    roc,
    tar_at_far,
    threshold_at_far,
)


@pytest.fixture(params=["smooth", "ties"])
def pairs(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    is_same = np.arange(400) % 2 == 0
    scores = random.normal(size=400) + 1.2 * is_same
    return (np.round(scores, 1) if request.param == "ties" else scores), is_same


def slow_rates(scores: np.ndarray, is_same: np.ndarray, threshold: float) -> tuple[float, float]:
    accepted = scores >= threshold
    return float(accepted[~is_same].mean()), float(accepted[is_same].mean())


def test_every_operating_point_is_what_its_threshold_gives(pairs: tuple[np.ndarray, np.ndarray]) -> None:
    curve = roc(*pairs)
    assert len(curve.thresholds) == len(np.unique(pairs[0])) + 1
    for far, tar, threshold in zip(curve.far, curve.tar, curve.thresholds, strict=True):
        assert (far, tar) == pytest.approx(slow_rates(*pairs, threshold))


def test_area_is_the_share_of_pairs_of_pairs_in_order(pairs: tuple[np.ndarray, np.ndarray]) -> None:
    scores, same = pairs
    difference = scores[same][:, None] - scores[~same][None, :]
    assert roc(*pairs).area == pytest.approx((difference > 0).mean() + (difference == 0).mean() / 2)


@pytest.mark.parametrize("far", [0.0, 0.01, 0.1, 0.5, 1.0])
def test_tar_at_far_is_the_best_that_any_score_gives(pairs: tuple[np.ndarray, np.ndarray], far: float) -> None:
    points = [slow_rates(*pairs, t) for t in [np.inf, *np.unique(pairs[0])]]
    assert tar_at_far(*pairs, far) == max(tar for reached, tar in points if reached <= far)
    threshold = threshold_at_far(*pairs, far)
    assert slow_rates(*pairs, threshold)[0] <= far
    below = np.unique(pairs[0])[np.unique(pairs[0]) < threshold]
    if len(below):
        assert slow_rates(*pairs, below[-1])[0] > far


def test_kfold_accuracy_is_the_slow_definition(pairs: tuple[np.ndarray, np.ndarray]) -> None:
    scores, same = pairs
    result = kfold_accuracy(scores, same, folds=10)
    for fold, test in enumerate(np.array_split(np.arange(len(scores)), 10)):
        train = np.setdiff1d(np.arange(len(scores)), test)
        candidates = [np.inf, *np.unique(scores[train])]
        best = max(float(((scores[train] >= t) == same[train]).mean()) for t in candidates)
        used = result.thresholds[fold]
        assert ((scores[train] >= used) == same[train]).mean() == pytest.approx(best)
        assert result.accuracies[fold] == pytest.approx(((scores[test] >= used) == same[test]).mean())
    assert result.mean == pytest.approx(np.mean(result.accuracies))


def test_folds_may_be_given_pair_by_pair(pairs: tuple[np.ndarray, np.ndarray]) -> None:
    shuffled = np.random.default_rng(1).permutation(400)
    names = np.repeat([7, 3, 12, 5], 100)
    plain = kfold_accuracy(*pairs, folds=4)
    mixed = kfold_accuracy(pairs[0][shuffled], pairs[1][shuffled], folds=names[shuffled])
    assert mixed.accuracies == pytest.approx(plain.accuracies[[1, 3, 0, 2]])  # in the order of the folds' numbers
    assert mixed.thresholds == pytest.approx(plain.thresholds[[1, 3, 0, 2]])
    assert plain.threshold == pytest.approx(plain.thresholds.mean())


def test_thresholds_stay_finite_where_rejecting_everything_is_best() -> None:
    result = kfold_accuracy([0.1, 0.9, 0.8] * 4, [True, False, False] * 4, folds=2)
    assert np.isfinite(result.thresholds).all()
    assert result.mean == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("folds", "words"),
    [(1, "1 folds"), (9, "9 folds"), ([0, 1], "one fold to each"), ([5] * 8, "all pairs are in one fold")],
)
def test_folds_that_cannot_be_are_refused(folds: object, words: str) -> None:
    with pytest.raises(DataError, match=words):
        kfold_accuracy(np.arange(8.0), np.arange(8) % 2 == 0, folds)


def test_a_kind_that_is_in_one_fold_only_is_refused() -> None:
    with pytest.raises(DataError, match="no threshold can be picked"):
        kfold_accuracy(np.arange(8.0), np.arange(8) < 4, folds=2)


def test_one_curve_answers_what_the_functions_do(pairs: tuple[np.ndarray, np.ndarray]) -> None:
    curve = roc(*pairs)
    point = curve.at_far(0.1)
    assert point.tar == tar_at_far(*pairs, 0.1) == 1 - fnmr_at_fmr(*pairs, 0.1)
    assert point.threshold == threshold_at_far(*pairs, 0.1)
    assert curve.eer == eer(*pairs)
    assert roc([0.2, 0.9], [True, False]).at_far(0).threshold == np.inf


def test_eer_lies_where_the_errors_cross() -> None:
    # genuine 1, 2, 3, 4 and impostor 0, 1.5, 2.5, -1: at threshold 1.5 each kind has one error in four, 2 in 4 at 2.5
    scores = np.array([1.0, 2.0, 3.0, 4.0, 0.0, 1.5, 2.5, -1.0])
    same = np.array([True] * 4 + [False] * 4)
    assert eer(scores, same) == pytest.approx(0.25)
    assert eer(np.arange(8.0), np.arange(8) >= 4) == 0.0
    assert eer(np.arange(8.0), np.arange(8) < 4) == 1.0


def test_best_threshold_separates_what_can_be_separated() -> None:
    threshold, accuracy = best_threshold([0.1, 0.2, 0.6, 0.9], [False, False, True, True])
    assert accuracy == 1.0
    assert threshold == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("scores", "same", "words"),
    [
        ([0.1, np.nan], [True, False], "not finite"),
        ([0.1, 0.2], [True, True], "one kind"),
        ([0.1, 0.2, 0.3], [True, False], "one length"),
    ],
)
def test_unusable_scores_are_refused(scores: list, same: list, words: str) -> None:
    with pytest.raises(DataError, match=words):
        roc(scores, same)
