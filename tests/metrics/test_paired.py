"""Paired comparisons against values worked out by hand and replicates made plainly."""

import math
from itertools import product

import numpy as np
import pytest

from mfn.errors import DataError
from mfn.metrics import bootstrap
from mfn.metrics.paired import Difference, mcnemar, paired_differences, right_in_folds, unpaired_difference
from mfn.metrics.verification import kfold_accuracy, tar_at_far

FARS = (0.02, 0.2)


def decisions(first_only: int, other_only: int, both: int = 5, neither: int = 2) -> tuple[np.ndarray, np.ndarray]:
    first = [True] * first_only + [False] * other_only + [True] * both + [False] * neither
    other = [False] * first_only + [True] * other_only + [True] * both + [False] * neither
    return np.array(first), np.array(other)


@pytest.mark.parametrize(
    ("first_only", "other_only", "p_value"),
    [
        (0, 0, 1.0),
        (1, 0, 1.0),
        (0, 5, 2 / 32),
        (1, 5, 2 * (1 + 6) / 64),
        (6, 2, 2 * (1 + 8 + 28) / 256),
        (4, 4, 1.0),
    ],
)
def test_few_pairs_judged_differently_get_the_exact_test(first_only: int, other_only: int, p_value: float) -> None:
    found = mcnemar(*decisions(first_only, other_only))
    assert (found.first_only, found.other_only, found.method) == (first_only, other_only, "exact")
    assert found.p_value == pytest.approx(p_value)


def test_many_get_the_mid_p_value() -> None:
    found = mcnemar(*decisions(9, 21))
    tail = sum(math.comb(30, k) for k in range(10))
    assert found.method == "mid-p"
    assert found.p_value == pytest.approx((2 * tail - math.comb(30, 9)) / 2**30)
    assert mcnemar(*decisions(21, 9)).p_value == pytest.approx(found.p_value)
    assert mcnemar(*decisions(15, 15)).p_value == pytest.approx(1)
    assert mcnemar(*decisions(30_000, 31_000)).p_value == pytest.approx(5.2e-5, rel=0.05)  # (1000 / sqrt(61000)) sigma


def test_mid_p_is_close_to_what_the_table_of_fagerland_gives() -> None:
    """Table 2 of the paper: airway hyper-responsiveness, 1 against 7 pairs: exact 0.070, mid-p 0.039."""
    assert mcnemar(*decisions(1, 7)).p_value == pytest.approx(0.0703, abs=5e-5)


def judged() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(5)
    same = np.arange(400) % 2 == 0
    one = random.integers(40, size=400)
    people = np.stack([one, np.where(same, one, (one + random.integers(1, 40, size=400)) % 40)], axis=1)
    shared = random.normal(size=400) + 1.5 * same
    first, other = (shared + random.normal(size=400) * 0.3 for _ in range(2))
    return first, other + 0.2 * same, same, random.permutation(400) % 5, people


def test_replicates_judge_both_on_the_same_drawn_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "CELLS", 7 * 400)
    first, other, same, fold, people = judged()
    found = paired_differences(first, other, same, fold, people, FARS, samples=40, seed=3)
    random, replicates = np.random.default_rng(3), []
    for start in range(0, 40, 7):
        for draws in random.integers(40, size=(min(7, 40 - start), 40)):
            drawn = np.bincount(draws, minlength=40).tolist()
            taken = np.repeat(np.arange(400), [drawn[a] if a == b else drawn[a] * drawn[b] for a, b in people])
            figures = [
                (kfold_accuracy(s[taken], same[taken], fold[taken]).mean,
                 *(tar_at_far(s[taken], same[taken], far) for far in FARS))
                for s in (first, other)
            ]  # fmt: skip
            replicates.append(np.subtract(figures[1], figures[0]))
    expected = np.percentile(replicates, [2.5, 97.5], axis=0).T
    assert list(found) == ["accuracy", "tar_at_far_2e-02", "tar_at_far_2e-01"]
    assert np.array([(each.low, each.high) for each in found.values()]) == pytest.approx(expected)
    assert found["accuracy"].value == pytest.approx(
        kfold_accuracy(other, same, fold).mean - kfold_accuracy(first, same, fold).mean
    )


def test_a_network_differs_from_itself_by_nothing_and_pairing_narrows() -> None:
    first, other, same, fold, people = judged()
    nothing = paired_differences(first, first, same, fold, people, FARS, samples=50)
    assert all((each.value, each.low, each.high) == (0, 0, 0) for each in nothing.values())
    assert not nothing["accuracy"].is_clear
    paired = paired_differences(first, other, same, fold, people, FARS, samples=300)["accuracy"]
    alone = [bootstrap.identity_intervals(s, same, fold, people, FARS, samples=300)["accuracy"] for s in (first, other)]
    figures = [kfold_accuracy(s, same, fold).mean for s in (first, other)]
    apart = unpaired_difference(figures[0], alone[0], figures[1], alone[1])
    assert apart.value == pytest.approx(paired.value)
    assert apart.low < paired.low < paired.value < paired.high < apart.high


def test_unpaired_intervals_are_put_together_by_squares() -> None:
    found = unpaired_difference(0.99, (0.987, 0.994), 0.98, (0.976, 0.983))
    assert (found.value, found.low, found.high) == pytest.approx(
        (-0.01, -0.01 - math.hypot(0.004, 0.004), -0.01 + math.hypot(0.003, 0.003))
    )
    assert Difference(-0.01, -0.02, -0.001).is_clear
    assert not Difference(-0.01, -0.02, 0.0).is_clear


def test_without_draws_there_is_no_interval() -> None:
    first, other, same, fold, people = judged()
    found = paired_differences(first, other, same, fold, people, samples=0)["accuracy"]
    assert math.isnan(found.low) and not found.is_clear


def test_pairs_are_right_where_the_accuracy_says_so() -> None:
    first, _, same, fold, _ = judged()
    right = right_in_folds(first, same, fold)
    assert kfold_accuracy(first, same, fold).accuracies == pytest.approx([right[fold == f].mean() for f in range(5)])


def test_what_does_not_fit_is_refused() -> None:
    first, other, same, fold, people = judged()
    with pytest.raises(DataError, match="two identities"):
        paired_differences(first, other, same, fold, people[:9])
    with pytest.raises(DataError, match="one length"):
        paired_differences(first, other[:9], same, fold, people)
    with pytest.raises(DataError, match="same pairs"):
        mcnemar([True], [True, False])


def test_the_test_keeps_its_level() -> None:
    """All 2^10 splits of 10 pairs: under equal networks the exact test calls at most 5 % of them different."""
    called = sum(mcnemar(np.array(way), ~np.array(way)).p_value <= 0.05 for way in product([True, False], repeat=10))
    assert called / 2**10 <= 0.05
