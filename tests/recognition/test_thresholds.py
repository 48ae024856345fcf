"""Thresholds for pairs and for galleries."""

import dataclasses

import numpy as np
import pytest

from mfn.contract import MeasuredScores
from mfn.errors import ConfigError
from mfn.metrics.comparisons import all_comparisons, fmr_points, fnmr_points
from mfn.recognition.thresholds import answer, fmr_for, threshold_of_gallery, threshold_of_pair
from tests.recognition.made_people import CONTRACT, MEASURED

BARE = dataclasses.replace(CONTRACT, threshold=None, threshold_far=None, threshold_flip=None, measured=None)


def test_the_stored_threshold_tells_its_false_match_rate() -> None:
    found = threshold_of_pair(CONTRACT, flip="none")
    assert (found.cosine, found.fmr, found.warning) == (0.6, 1e-5, "")
    other = threshold_of_pair(CONTRACT, flip="sum")
    assert other.fmr is None and "flip=none and not with flip=sum" in other.warning


def test_a_rate_asked_for_comes_from_the_measured_scores() -> None:
    assert threshold_of_pair(CONTRACT, flip="none", fmr=1e-4).cosine == pytest.approx(0.5)
    assert threshold_of_pair(CONTRACT, flip="none", fmr=10**-4.5).cosine == pytest.approx(0.55)
    assert threshold_of_pair(CONTRACT, flip="none", threshold=0.45).fmr == pytest.approx(10**-3.5)
    beyond = threshold_of_pair(CONTRACT, flip="none", fmr=1e-8)
    assert beyond.cosine == pytest.approx(0.9) and "never measured" in beyond.warning
    for words in ({"fmr": 0.0}, {"fmr": 1.5}, {"threshold": 1.5}, {"threshold": 0.4, "fmr": 0.1}):
        with pytest.raises(ConfigError):
            threshold_of_pair(CONTRACT, flip="none", **words)
    with pytest.raises(ConfigError, match="store_threshold"):
        threshold_of_pair(BARE, flip="none")
    with pytest.raises(ConfigError, match="store_threshold"):
        threshold_of_pair(CONTRACT, flip="sum", fmr=1e-3)


@pytest.mark.parametrize("people", [1, 10, 1458, 1_000_000])
@pytest.mark.parametrize("fpir", [1e-3, 1e-2, 0.5])
def test_a_gallery_of_more_people_needs_a_higher_threshold(people: int, fpir: float) -> None:
    fmr = fmr_for(fpir, people)
    assert 1 - (1 - fmr) ** people == pytest.approx(fpir, rel=1e-6)
    found = threshold_of_gallery(CONTRACT, people, flip="none", fpir=fpir)
    assert found.cosine == MEASURED.threshold_at(fmr) and bool(found.warning) == (fmr < 1e-6)
    assert found.cosine <= threshold_of_gallery(CONTRACT, people * 10, flip="none", fpir=fpir).cosine
    with pytest.raises(ConfigError):
        threshold_of_gallery(CONTRACT, people, flip="none", fpir=1.0)


def test_strangers_get_names_as_rarely_as_asked_for() -> None:
    """Simulated: independent scores, a gallery of 200, the threshold from other people's scores."""
    draws = np.random.default_rng(0)
    people = draws.standard_normal((3000, 32)).astype(np.float32)
    people /= np.linalg.norm(people, axis=1, keepdims=True)
    counts = all_comparisons(people[:1500], np.arange(1500))
    measured = MeasuredScores("made", "none", int(counts.impostor.sum()), 1, fmr_points(counts.impostor), ((1.0, 0.9),))
    contract = dataclasses.replace(CONTRACT, measured=measured)
    threshold = threshold_of_gallery(contract, 200, flip="none", fpir=0.05).cosine
    named = ((people[1700:] @ people[1500:1700].T).max(axis=1) >= threshold).mean()
    assert 0.03 < named < 0.07


def test_comparisons_are_those_of_all_pairs() -> None:
    draws = np.random.default_rng(1)
    rows = draws.standard_normal((1100, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    people = draws.integers(0, 300, 1100)
    counts = all_comparisons(rows, people)
    first, second = np.triu_indices(1100, 1)
    cosines, same = (rows[first] * rows[second]).sum(axis=1), people[first] == people[second]
    assert counts.genuine.sum() == same.sum() and counts.impostor.sum() == (~same).sum()
    for rate, cosine in fmr_points(counts.impostor):
        assert (cosines[~same] >= cosine + 3e-5).mean() <= rate + 1e-12
        assert (cosines[~same] >= cosine - 3e-5).mean() >= rate * 0.5
    for rate, cosine in fnmr_points(counts.genuine):
        assert (cosines[same] < cosine - 3e-5).mean() <= rate + 1e-12


def test_near_the_threshold_nobody_is_sure() -> None:
    assert [answer(score, 0.5, 0.1) for score in (0.39, 0.45, 0.5, 0.55, 0.61)] == [
        *("different", "not sure", "not sure", "not sure", "same")
    ]
    assert (answer(0.5, 0.5), answer(np.nextafter(0.5, 0), 0.5)) == ("same", "different")
