"""Intervals against replicates made plainly: pairs repeated as often as drawn, judged by the metrics themselves."""

import numpy as np
import pytest

from mfn.errors import DataError
from mfn.metrics import bootstrap
from mfn.metrics.bootstrap import identity_intervals, linked_identities
from mfn.metrics.verification import kfold_accuracy, tar_at_far

FARS = (0.02, 0.2)


def judged(count: int = 40, ties: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(4)
    is_same = np.arange(400) % 2 == 0
    first = random.integers(count, size=400)
    second = np.where(is_same, first, (first + random.integers(1, count, size=400)) % count)
    scores = random.normal(size=400) + 1.5 * is_same
    is_same = is_same ^ (random.random(400) < 0.02)  # the benchmark's own mistakes
    fold = random.permutation(400) % 5
    return (np.round(scores, 1) if ties else scores), is_same, fold, np.stack([first, second], 1)


@pytest.mark.parametrize("ties", [False, True])
def test_replicates_are_sets_with_pairs_repeated(ties: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "CELLS", 7 * 400)
    scores, same, fold, identities = judged(ties=ties)
    result = identity_intervals(scores, same, fold, identities, FARS, samples=60, seed=3)
    random, replicates = np.random.default_rng(3), []
    for start in range(0, 60, 7):
        for draws in random.integers(40, size=(min(7, 60 - start), 40)):
            drawn = np.bincount(draws, minlength=40).tolist()
            times = [drawn[one] if one == other else drawn[one] * drawn[other] for one, other in identities]
            taken = np.repeat(np.arange(400), times)
            few = (scores[taken], same[taken])
            replicates.append([kfold_accuracy(*few, fold[taken]).mean, *(tar_at_far(*few, far) for far in FARS)])
    expected = np.percentile(replicates, [2.5, 97.5], axis=0).T
    assert list(result) == ["accuracy", "tar_at_far_2e-02", "tar_at_far_2e-01"]
    assert np.array(list(result.values())) == pytest.approx(expected)


def test_intervals_hold_the_number_and_depend_on_the_seed_alone() -> None:
    scores, same, fold, identities = judged()
    first = identity_intervals(scores, same, fold, identities, (0.1,), samples=300)
    assert first == identity_intervals(scores, same, fold, identities, (0.1,), samples=300)
    assert first != identity_intervals(scores, same, fold, identities, (0.1,), samples=300, seed=1)
    low, high = first["accuracy"]
    assert low < kfold_accuracy(scores, same, fold).mean < high
    narrow = identity_intervals(scores, same, fold, identities, samples=300, confidence=0.5)["accuracy"]
    assert low < narrow[0] < narrow[1] < high


def test_pairs_of_few_people_say_less_than_as_many_pairs_of_many() -> None:
    def width(people: int) -> float:
        random = np.random.default_rng(1)
        same = np.arange(1200) % 2 == 0
        first = np.arange(1200) // 2 % people
        second = np.where(same, first, (first + 1) % people)
        hard = random.normal(size=people)[first]  # some people are harder than others
        scores = hard + 0.3 * random.normal(size=1200) + 2 * same
        low, high = identity_intervals(scores, same, 4, np.stack([first, second], 1), samples=200)["accuracy"]
        return high - low

    assert width(10) > 2 * width(600)


def test_replicates_without_one_kind_are_left_out() -> None:
    # drawing one person twice leaves no impostor pair; all that remain are the set itself
    same = np.array([True, False, True, False])
    people = np.array([[0, 0], [0, 1], [1, 1], [1, 0]])
    result = identity_intervals([0.9, 0.1, 0.8, 0.2], same, 2, people, (0.1,), samples=50)
    assert result == {"accuracy": (1, 1), "tar_at_far_1e-01": (1, 1)}


def test_identities_must_fit_the_pairs() -> None:
    scores, same, fold, identities = judged()
    with pytest.raises(DataError, match="two identities each"):
        identity_intervals(scores, same, fold, identities[:, 0])


def test_genuine_pairs_link_images() -> None:
    pairs = [[0, 1], [5, 4], [1, 4], [2, 3], [3, 6], [7, 8]]
    same = [True, True, True, False, True, False]
    linked = linked_identities(pairs, same, 9)
    groups = {frozenset(np.flatnonzero(linked == one).tolist()) for one in np.unique(linked)}
    assert groups == {frozenset(group) for group in [{0, 1, 4, 5}, {2}, {3, 6}, {7}, {8}]}


def test_long_chains_are_linked() -> None:
    order = np.random.default_rng(0).permutation(1000)
    assert not linked_identities(np.stack([order[:-1], order[1:]], 1), np.ones(999, bool), 1000).any()
