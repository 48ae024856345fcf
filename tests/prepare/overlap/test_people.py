"""People alike between two sets, and the threshold that the training set itself gives."""

import numpy as np
import pytest

from mfn.contract import InputContract
from mfn.errors import ConfigError
from mfn.prepare.overlap import people as module
from mfn.prepare.overlap.people import alike_people
from mfn.prepare.overlap.threshold import overlap_threshold

CONTRACT = InputContract.for_size(112, 112, embedding_dim=32)


def directions(count: int, seed: int = 0, dim: int = 32) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_pairs_are_those_of_comparing_all_with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_COSINES", 7 * 30)
    training, benchmark = directions(40), directions(25, seed=1)
    found = alike_people(training, benchmark, 0.25)
    table = training @ benchmark.T
    expected = sorted(zip(*np.nonzero(table >= 0.25), strict=True), key=lambda pair: -table[pair])
    assert len(expected) > 5
    assert found.pairs.tolist() == [list(map(int, pair)) for pair in expected]
    assert found.cosines == pytest.approx([table[pair] for pair in expected], abs=1e-6)


def test_nobody_alike_is_an_empty_list() -> None:
    found = alike_people(directions(3), directions(0), 0.5)
    assert found.pairs.shape == (0, 2) and found.cosines.size == 0


def test_the_training_set_gives_the_threshold_and_people_it_holds_twice_do_not_raise_it() -> None:
    clean = directions(800)
    found = overlap_threshold(CONTRACT, clean, "pack", flip="none")
    strangers = directions(3000, seed=5)
    taken = (strangers @ clean.T).max(axis=1) >= found.cosine
    assert taken.mean() < 0.02  # asked for: 0.01
    assert found.cosine < 0.9
    twice = clean.copy()
    twice[:8] = twice[8:16]
    assert overlap_threshold(CONTRACT, twice, "pack", flip="none").cosine == pytest.approx(found.cosine, abs=0.03)
    strict = overlap_threshold(CONTRACT, clean, "pack", flip="none", fpir=1e-4)
    assert strict.cosine > found.cosine


def test_what_the_user_says_counts_and_few_people_tell_nothing() -> None:
    assert overlap_threshold(CONTRACT, directions(800), "pack", flip="none", threshold=0.4).cosine == 0.4
    with pytest.raises(ConfigError, match="no threshold yet"):
        overlap_threshold(CONTRACT, directions(20), "pack", flip="none")
    with pytest.raises(ConfigError, match="from -1 to 1"):
        overlap_threshold(CONTRACT, directions(20), "pack", flip="none", threshold=2)
