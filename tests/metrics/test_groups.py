import numpy as np
import pytest

from mfn.errors import DataError
from mfn.metrics.groups import GroupAccuracy, gap, group_accuracy
from mfn.metrics.verification import kfold_accuracy


def test_groups_are_judged_by_the_thresholds_of_all() -> None:
    random = np.random.default_rng(2)
    same = random.random(300) < 0.5
    groups = random.choice(["left", "right"], 300)
    scores = random.normal(size=300) + 2 * same - 1.0 * (groups == "right")
    found = group_accuracy(scores, same, 3, groups)
    thresholds = kfold_accuracy(scores, same, 3).thresholds
    for name in ("left", "right"):
        mine = [i for i in range(300) if groups[i] == name]
        right = [(scores[i] >= thresholds[i // 100]) == same[i] for i in mine]
        assert found[name] == GroupAccuracy(len(mine), pytest.approx(np.mean(right)))
    assert list(found) == ["left", "right"]
    assert gap(found) == pytest.approx(abs(found["left"].accuracy - found["right"].accuracy))
    overall = sum(group.pairs * group.accuracy for group in found.values()) / 300
    assert overall == pytest.approx(kfold_accuracy(scores, same, 3).mean)


def test_every_pair_needs_a_group() -> None:
    with pytest.raises(DataError, match="a group each"):
        group_accuracy([0.1, 0.9] * 4, [False, True] * 4, 2, ["one"])
