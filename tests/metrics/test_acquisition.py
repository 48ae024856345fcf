import numpy as np
import pytest

from mfn.errors import DataError
from mfn.metrics.acquisition import generalised, generalised_intervals
from mfn.metrics.bootstrap import identity_intervals
from mfn.metrics.verification import kfold_accuracy, roc

SCORES = [0.9, 0.8, 0.2, 0.1, 0.7, 0.4, 0.6, 0.3]
SAME = [True, True, False, False, True, True, False, False]
FOLD = [1, 1, 1, 1, 5, 5, 5, 5]


def test_a_set_counted_by_hand() -> None:
    # fold 1 at 0.5: all four right; fold 5 at 0.5: 0.7 and 0.3 right. Lost: a genuine pair of fold 1, a genuine and two
    # impostor pairs of fold 5. Right are then 4 of 5 and 2 + 2 of 7.
    found = generalised(
        SCORES, SAME, FOLD, [0.5, 0.5], [True, True, False, False], [1, 5, 5, 5], [(0.25, 0.5), (0.0, 0.65)]
    )
    assert (found.genuine, found.impostor, found.failed_genuine, found.failed_impostor) == (6, 6, 2, 2)
    assert found.accuracy == pytest.approx((4 / 5 + 4 / 7) / 2)
    assert found.tar == {0.25: 3 / 6, 0.0: 3 / 6}
    assert found.far == {0.25: 1 / 6, 0.0: 0}
    numbers = found.numbers()
    assert numbers["fta_pairs"] == 4 and numbers["fta_pair_rate"] == pytest.approx(4 / 12)
    # ISO/IEC 19795-1: GFRR = FTA + (1 - FTA) FNMR over the genuine pairs, GFAR = FMR (1 - FTA) over the impostor ones
    assert numbers["gfrr_at_far_2e-01"] == pytest.approx(2 / 6 + 4 / 6 * (1 / 4))
    assert numbers["gfar_at_far_2e-01"] == pytest.approx(1 / 4 * 4 / 6)


def test_without_failures_all_is_as_it_was() -> None:
    found = generalised(SCORES, SAME, FOLD, [0.5, 0.5], [], np.empty(0, np.int64), [(0.25, 0.5)])
    assert found.accuracy == 6 / 8 and found.tar == {0.25: 3 / 4} and found.failed_share == 0


def test_a_threshold_that_nothing_reaches() -> None:
    found = generalised(SCORES, SAME, FOLD, [0.5, 0.5], [True], [1], [(1e-3, np.inf)])
    assert found.tar == {1e-3: 0} and found.far == {1e-3: 0}


def test_a_fold_that_lost_all_its_pairs_counts_too() -> None:
    found = generalised(SCORES, SAME, FOLD, [0.5, 0.5], [True, False, True], [3, 3, 9], [(0.25, 0.5)])
    assert found.accuracy == pytest.approx((1 + 1 / 2 + 1 / 2 + 0) / 4) and found.tar == {0.25: 3 / 6}


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(DataError, match="1 thresholds of 2 folds do not fit"):
        generalised(SCORES, SAME, FOLD, [0.5], [], [], [])
    with pytest.raises(DataError, match="both kinds of pairs, got 2 genuine and 0 impostor"):
        generalised([0.1], [True], [0], [0.5], [True], [0], [])


def test_intervals_without_failures_are_those_of_the_plain_rates() -> None:
    rng = np.random.default_rng(0)
    scores, same, fold = rng.normal(size=200), np.arange(200) % 2 == 0, np.arange(200) // 20
    people = rng.integers(40, size=(200, 2))
    people[same, 1] = people[same, 0]
    plain = identity_intervals(scores + same, same, fold, people, (0.1,), 50)
    none = np.empty(0, np.int64)
    found = generalised_intervals(scores + same, same, fold, people, none.astype(bool), none, none, (0.1,), 50)
    assert list(found) == ["generalised_accuracy", "generalised_tar_at_far_1e-01"]
    assert list(found.values()) == [plain["accuracy"], plain["tar_at_far_1e-01"]]


def test_a_replicate_counts_lost_pairs_as_if_they_were_repeated() -> None:
    # every person is drawn as often as he is there where there is one person: intervals shrink to the rates themselves
    people, lost = np.zeros((8, 2), int), np.zeros((3, 2), int)
    cuts = kfold_accuracy(SCORES, SAME, FOLD).thresholds
    at = [(0.25, roc(SCORES, SAME).at_far(0.25).threshold)]
    whole = generalised(SCORES, SAME, FOLD, cuts, [True, True, False], [1, 5, 9], at)
    found = generalised_intervals(SCORES, SAME, FOLD, people, [True, True, False], [1, 5, 9], lost, (0.25,), 5)
    assert found["generalised_accuracy"] == pytest.approx((whole.accuracy, whole.accuracy))
    assert found["generalised_tar_at_far_2e-01"] == pytest.approx((whole.tar[0.25], whole.tar[0.25]))
