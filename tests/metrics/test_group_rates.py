"""Rates by group against counting by hand, and the tally of all comparisons against that of the same pairs listed."""

import numpy as np
import pytest

from mfn.errors import DataError
from mfn.metrics.all_tally import all_tally
from mfn.metrics.group_rates import group_rates
from mfn.metrics.group_tally import GENUINE, IMPOSTOR, cell_table, pair_tally


def faces(people: int = 24, each: int = 4, noise: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    persons = np.repeat(np.arange(people), each)
    rows = random.normal(size=(people, 8))[persons] + noise * random.normal(size=(people * each, 8))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), persons


def test_rates_and_shifts_of_each_group_are_counted_at_the_common_threshold() -> None:
    scores = np.array([0.9, 0.2, 0.8, 0.7, 0.6, 0.1, 0.1, 0.1])
    same = np.array([True, True, True, True, False, False, False, False])
    cells = np.array([0, 0, 1, 1, 0, 0, 1, 2])
    persons = np.array([[0, 0], [1, 1], [2, 2], [3, 3], [0, 1], [0, 1], [2, 3], [0, 3]])
    found = group_rates(pair_tally(scores, same, persons, cells, 3, 0.5), ["a", "b"], [2, 2], 2, 4)
    a, b = found.groups
    assert (a.fmr.errors, a.fmr.comparisons, a.fnmr.errors, a.fnmr.comparisons) == (1, 2, 1, 2)
    assert (b.fmr.errors, b.fmr.comparisons, b.fnmr.errors, b.fnmr.comparisons) == (0, 1, 0, 2)
    assert (found.overall.fmr.value, found.overall.fnmr.value) == (0.25, 0.25)  # the unknown cell counts overall
    assert a.genuine_shift == pytest.approx(0.55 - 0.65) and a.impostor_shift == pytest.approx(0.35 - 0.225)
    assert not a.fmr.enough and found.fmr is None  # two people are too few


def test_all_comparisons_are_tallied_and_drawn_as_the_list_of_all_pairs() -> None:
    rows, persons = faces()
    groups = np.where(persons % 5 == 4, -1, np.arange(len(persons)) % 3)  # of images: genuine pairs cross groups too
    first, second = np.triu_indices(len(rows), 1)
    table, cells = cell_table(3)
    listed = pair_tally(
        np.einsum("pd,pd->p", rows[first], rows[second]),
        persons[first] == persons[second],
        np.stack([persons[first], persons[second]], axis=1),
        table[groups[first], groups[second]],
        len(cells) + 1,
        0.55,
        samples=40,
    )
    found = all_tally(rows, persons, groups, 3, 0.55, samples=40)
    assert 0 < found.errors[IMPOSTOR].sum() < found.comparisons[IMPOSTOR].sum() and found.errors[GENUINE].sum() > 0
    np.testing.assert_array_equal(found.errors, listed.errors)
    np.testing.assert_array_equal(found.comparisons, listed.comparisons)
    np.testing.assert_allclose(found.scores, listed.scores, atol=1e-3)
    np.testing.assert_allclose(found.replicates[..., :-1], listed.replicates[..., :-1], atol=1e-12)


def test_a_planted_difference_is_found_with_an_interval_that_excludes_none() -> None:
    random = np.random.default_rng(0)
    persons = np.repeat(np.arange(200), 10)
    hard = persons % 2 == 1
    scores = np.where(random.random(2000) < np.where(hard, 0.3, 0.1), 0.0, 1.0)
    impostors = np.stack([np.arange(2000) % 200, (np.arange(2000) + 2) % 200], axis=1)
    tally = pair_tally(
        np.append(scores, np.arange(2000) < 40),
        np.repeat([True, False], 2000),
        np.concatenate([np.stack([persons, persons], axis=1), impostors]),
        np.append(hard, impostors[:, 0] % 2),
        3,
        0.5,
        samples=200,
    )
    found = group_rates(tally, ["easy", "hard"], [100, 100], 2, 200)
    assert found.fnmr is not None and (found.fnmr.worst, found.fnmr.best) == ("hard", "easy")
    assert found.fnmr.ratio == pytest.approx(3, rel=0.25)
    assert found.fnmr.low is not None and found.fnmr.high is not None and found.fnmr.ratio is not None
    assert 1 < found.fnmr.low < found.fnmr.ratio < found.fnmr.high < 6
    assert found.fnmr.to_mean == pytest.approx(np.sqrt(found.fnmr.ratio))
    easy = found.groups[0].fnmr
    assert easy.low is not None and easy.high is not None and easy.value is not None
    assert easy.low < easy.value < easy.high


def test_a_best_group_without_errors_gives_a_bound_and_no_ratio() -> None:
    persons = np.arange(200)
    same = np.ones(200, bool)
    scores = np.where(np.arange(200) < 10, 0.0, 1.0)
    tally = pair_tally(
        np.append(scores, [0.0, 0.9]),
        np.append(same, [False, False]),
        np.concatenate([np.stack([persons, persons], axis=1), [[0, 1], [1, 2]]]),
        np.append(np.arange(200) >= 100, [0, 1]),
        3,
        0.5,
    )
    found = group_rates(tally, ["a", "b"], [100, 100], 2, 200).fnmr
    assert found is not None and found.best == "b" and found.ratio is None
    assert found.at_least == pytest.approx(0.1 / 0.03)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(DataError, match="two people each"):
        pair_tally([0.1], [True], [[0]], [0], 1, 0.5)
    with pytest.raises(DataError, match="a group each"):
        all_tally(np.ones((2, 3)), [0, 1], [0], 1, 0.5)
