"""Verdicts: what is put together from the metrics, and what is left out."""

from pathlib import Path

import numpy as np
import pytest

from mfn.benchmarks.verification import VerificationSet, consecutive_folds
from mfn.errors import ConfigError
from mfn.evaluation.operating_point import operating_threshold
from mfn.evaluation.pair_scores import pair_scores
from mfn.evaluation.verification_result import VerificationResult, verification_result
from mfn.metrics.verification import kfold_accuracy, tar_at_far
from tests.sources.files import ArraySource

PEOPLE = np.repeat(np.arange(20), 5)


def toy_set(**fields: object) -> VerificationSet:
    """200 pairs of 20 people with 5 images each, genuine and impostor in turns."""
    random = np.random.default_rng(0)
    pairs = []
    while len(pairs) < 200:
        first, second = random.choice(len(PEOPLE), 2, replace=False)
        if (PEOPLE[first] == PEOPLE[second]) == (len(pairs) % 2 == 0):
            pairs.append((first, second))
    same = np.arange(200) % 2 == 0
    return VerificationSet(
        "toy", ArraySource(PEOPLE.tolist()), np.array(pairs), same, consecutive_folds(200, 10), **fields
    )


def embeddings(noise: float = 1.0) -> np.ndarray:
    random = np.random.default_rng(1)
    rows = random.normal(size=(20, 16))[PEOPLE] + noise * random.normal(size=(100, 16))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def judged(pairs: VerificationSet, **options: object) -> VerificationResult:
    return verification_result(pairs, pair_scores(pairs, np.arange(100), embeddings()), **options)


def test_figures_are_those_of_the_metrics() -> None:
    pairs = toy_set()
    one = judged(pairs)
    rows = embeddings()
    cosines = (rows[pairs.pairs[:, 0]] * rows[pairs.pairs[:, 1]]).sum(1)
    assert one.accuracy == pytest.approx(kfold_accuracy(cosines, pairs.is_same).mean)
    assert one.tar[1e-1] == pytest.approx(tar_at_far(cosines, pairs.is_same, 1e-1))
    assert one.genuine == pytest.approx(cosines[pairs.is_same].mean(), abs=1e-6)
    assert list(one.tar) == [1e-1, 1e-2] and one.unsupported == (1e-3, 1e-4, 1e-5, 1e-6)
    numbers = one.numbers()
    assert numbers["fnmr_at_fmr_1e-01"] == pytest.approx(1 - one.tar[1e-1])
    assert numbers["threshold_angle"] == pytest.approx(np.degrees(np.arccos(one.threshold)))
    assert all(np.isfinite(value) for value in numbers.values())


def test_intervals_hold_the_figure_and_are_wider_than_those_over_pairs() -> None:
    one = judged(toy_set(identities=PEOPLE), samples=300)
    low, high = one.intervals["accuracy"]
    assert low <= one.accuracy <= high
    assert 0.01 < high - low < 0.3
    assert set(one.intervals) == {"accuracy", "tar_at_far_1e-01", "tar_at_far_1e-02"}


def test_people_who_are_not_named_are_found_by_their_genuine_pairs() -> None:
    pairs = toy_set()
    scored = pair_scores(pairs, np.arange(100), embeddings())
    assert (scored.identities[pairs.is_same, 0] == scored.identities[pairs.is_same, 1]).all()
    assert (scored.identities[~pairs.is_same, 0] != scored.identities[~pairs.is_same, 1]).any()


def test_groups_are_judged_with_the_common_thresholds() -> None:
    groups = np.where(np.arange(200) < 100, "young", "old")
    one = judged(toy_set(groups=groups))
    assert {name: group.pairs for name, group in one.groups.items()} == {"young": 100, "old": 100}
    mean = (one.groups["young"].accuracy + one.groups["old"].accuracy) / 2
    assert mean == pytest.approx(one.accuracy)
    assert one.numbers()["group_gap"] == pytest.approx(abs(one.groups["young"].accuracy - one.groups["old"].accuracy))


def test_pairs_of_broken_images_are_left_out_and_counted() -> None:
    pairs = toy_set(left_out=3, missing=("a.jpg",))
    there = np.setdiff1d(np.arange(100), pairs.pairs[0])
    scored = pair_scores(pairs, there, embeddings()[there])
    gone = int(np.isin(pairs.pairs, pairs.pairs[0]).any(axis=1).sum())
    one = verification_result(pairs, scored)
    assert (one.pairs, one.left_out) == (200 - gone, gone + 3)
    np.testing.assert_array_equal(pairs.is_same[one.kept], one.is_same)


def test_the_operating_threshold_keeps_to_its_rate() -> None:
    one = judged(toy_set())
    threshold = operating_threshold(one, 0.05)
    impostors = one.scores[~one.is_same]
    assert (impostors >= threshold).mean() <= 0.05
    assert (impostors >= np.sort(impostors[impostors < threshold])[-1]).mean() > 0.05
    with pytest.raises(ConfigError, match="100 impostor pairs support"):
        operating_threshold(one, 1e-3)


def test_the_reference_evaluation_of_real_weights_is_reproduced(shared: Path) -> None:
    reference = np.load(shared / "oracles" / "lfw_y1.npz")
    pairs = VerificationSet(
        "lfw", ArraySource([0]), np.zeros((6000, 2), int), reference["is_same"], consecutive_folds(6000, 10)
    )
    scored = pair_scores(toy_set(), np.arange(100), embeddings())
    scored = type(scored)(
        np.arange(6000), pairs.pairs, reference["flip_sum"], pairs.is_same, pairs.fold_of, pairs.pairs, None
    )
    one = verification_result(pairs, scored)
    assert one.grid_accuracy == pytest.approx(0.9945, abs=1e-9)
    assert one.val == pytest.approx(0.9866666, abs=1e-6)
