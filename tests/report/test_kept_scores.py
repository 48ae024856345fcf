"""Scores beside a report, and the verdict on a network that comes after it."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from mfn.contract import InputContract
from mfn.errors import DataError
from mfn.evaluation.pair_scores import PairScores
from mfn.report.judged import Judged
from mfn.report.kept_scores import FILE, KeptScores, read_scores
from mfn.report.regression import verdict

PAIRS = 2000


def scored(seed: int, *, worse: float = 0.0) -> PairScores:
    random = np.random.default_rng(9)
    same = np.arange(PAIRS) % 2 == 0
    people = np.arange(PAIRS)[:, None].repeat(2, axis=1) % 300
    people[:, 1] = np.where(same, people[:, 0], (people[:, 0] + 7) % 300)
    cosines = 0.55 * same + random.normal(scale=0.15, size=PAIRS)
    mine = np.random.default_rng(seed)
    hit = mine.random(PAIRS) < worse
    cosines = np.where(hit, 0.27 + mine.normal(scale=0.15, size=PAIRS), cosines)
    cosines = (cosines + mine.normal(scale=0.01, size=PAIRS)).astype(np.float32)
    rows = np.stack([np.arange(PAIRS), np.arange(PAIRS)], axis=1)
    return PairScores(np.arange(PAIRS), rows, cosines, same, np.arange(PAIRS) % 10, people, None)


def report(**figures: float) -> Judged:
    contract = InputContract.for_size(112, 112, embedding_dim=8)
    return Judged("old.ckpt", contract, "none", {"lfw": figures}, {}, {}, {}, [])


def kept_of(scores: PairScores) -> KeptScores:
    return KeptScores(scores.kept, scores.cosines, scores.is_same)


def test_a_worse_network_is_told_from_one_as_good() -> None:
    before = kept_of(scored(1))
    same = verdict(report(accuracy=0.9), before, scored(2), "lfw", 300)
    worse = verdict(report(accuracy=0.9), before, scored(2, worse=0.1), "lfw", 300)
    assert same.paired and not same.is_worse(0.0)
    assert worse.change.high < 0 and worse.is_worse(0.002)
    assert not worse.is_worse(-worse.change.value + 0.001)  # as much may be lost
    assert "lfw: accuracy" in worse.sentence() and "same pairs" in worse.sentence()


def test_a_drop_that_chance_would_make_is_no_failure() -> None:
    found = verdict(report(), kept_of(scored(1)), scored(3, worse=0.002), "lfw", 300)
    assert not (found.change.high < 0) and not found.is_worse(0.0)


def test_only_common_pairs_are_compared_and_other_pairs_are_refused() -> None:
    now = scored(2)
    few = KeptScores(now.kept[50:], now.cosines[50:], now.is_same[50:])
    assert verdict(report(), few, now, "lfw", 100).pairs == PAIRS - 50
    other = dataclasses.replace(few, is_same=~few.is_same)
    with pytest.raises(DataError, match="other pairs"):
        verdict(report(), other, now, "lfw", 100)


def test_without_scores_the_intervals_are_compared_and_said() -> None:
    now = scored(2, worse=0.2)
    figures = {"accuracy": 0.95, "accuracy_low": 0.94, "accuracy_high": 0.96, "pairs": float(PAIRS)}
    found = verdict(report(**figures), None, now, "lfw", 300)
    assert not found.paired and found.is_worse(0.002) and "keeps no scores" in found.sentence()
    assert found.change.low < found.change.value < found.change.high
    with pytest.raises(DataError, match="bootstrap=1000"):
        verdict(report(accuracy=0.95, pairs=float(PAIRS)), None, now, "lfw", 300)
    with pytest.raises(DataError, match="judged 5 pairs"):
        verdict(report(**(figures | {"pairs": 5.0})), None, now, "lfw", 300)
    with pytest.raises(DataError, match="no set cfp_fp"):
        verdict(report(**figures), None, now, "cfp_fp", 300)


@pytest.mark.parametrize("content", [b"", b"junk", b"PK\x03\x04junk"])
def test_a_damaged_file_is_told(tmp_path: Path, content: bytes) -> None:
    assert read_scores(tmp_path) is None
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        read_scores(tmp_path)


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / FILE, names=np.array([{"a": 1}], object))
    with pytest.raises(DataError, match="damaged"):
        read_scores(tmp_path)
