"""InsightFace's numbers: against what its own script gave, and against its loops written plainly."""

import json
from pathlib import Path

import numpy as np
import pytest

from mfn.errors import DataError
from mfn.metrics.insightface import grid_accuracy, mean_norm, pca_accuracy, val_at_far
from mfn.metrics.scores import cosine, unit
from mfn.metrics.verification import kfold_accuracy


@pytest.fixture(params=["consecutive", "given"])
def judged(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(5)
    is_same = random.random(500) < 0.5
    scores = np.clip(random.normal(0.1, 0.15, 500) + 0.4 * is_same, -1, 1)
    stretches = np.repeat(np.arange(5), 100)
    return scores, is_same, random.permutation(stretches) if request.param == "given" else stretches


def slow_grid_accuracy(distance: np.ndarray, same: np.ndarray, fold: np.ndarray) -> tuple[list[float], list[float]]:
    grid, accuracies, thresholds = np.arange(0, 4, 0.01), [], []
    for one in range(fold.max() + 1):
        train = [float(((distance < t) == same)[fold != one].mean()) for t in grid]
        thresholds.append(float(grid[np.argmax(train)]))
        accuracies.append(float(((distance < thresholds[-1]) == same)[fold == one].mean()))
    return accuracies, thresholds


@pytest.mark.parametrize("kind", ["flip_sum", "no_flip"])
def test_numbers_are_those_of_verification_py(shared: Path, kind: str) -> None:
    arrays = np.load(shared / "oracles/lfw_y1.npz")
    expected = json.loads((shared / "oracles/lfw_y1.json").read_text())[kind]
    result = grid_accuracy(arrays[kind], arrays["is_same"], folds=10)
    assert result.accuracies.tolist() == expected["accuracy_per_fold"]
    assert (result.mean, result.std) == pytest.approx((expected["accuracy"], expected["accuracy_std"]), abs=1e-15)
    val = val_at_far(arrays[kind], arrays["is_same"], folds=10)
    assert (val.mean, val.std, val.far) == pytest.approx(
        (expected["val_at_far_1e3"], expected["val_std"], expected["far"]), abs=1e-15
    )


def test_grid_accuracy_is_the_loop_over_thresholds(judged: tuple[np.ndarray, ...]) -> None:
    scores, same, fold = judged
    result = grid_accuracy(scores, same, fold)
    accuracies, thresholds = slow_grid_accuracy(2 - 2 * scores, same, fold)
    assert result.accuracies == pytest.approx(accuracies)
    assert result.thresholds == pytest.approx(1 - np.array(thresholds) / 2)
    assert result.mean == pytest.approx(kfold_accuracy(scores, same, fold).mean, abs=0.03)


@pytest.mark.parametrize("far", [1e-2, 0.3])
def test_val_is_the_loop_over_thresholds(judged: tuple[np.ndarray, ...], far: float) -> None:
    scores, same, fold = judged
    distance, grid = 2 - 2 * scores, np.arange(0, 4, 0.001)
    vals, fars = [], []
    for one in range(fold.max() + 1):
        impostor = distance[(fold != one) & ~same]
        rates = np.array([(impostor < t).mean() for t in grid])
        before = np.flatnonzero(rates <= far)[-1]
        share = (far - rates[before]) / (rates[before + 1] - rates[before])
        threshold = grid[before] + share * (grid[before + 1] - grid[before])
        vals.append((distance[(fold == one) & same] < threshold).mean())
        fars.append((distance[(fold == one) & ~same] < threshold).mean())
    result = val_at_far(scores, same, fold, far)
    assert (result.mean, result.std, result.far) == pytest.approx((np.mean(vals), np.std(vals), np.mean(fars)))


def test_val_accepts_nothing_where_a_rate_is_never_reached() -> None:
    scores = np.tile([0.9, -1.0], 20)  # impostors at a distance of 4, above the grid
    assert val_at_far(scores, scores > 0, folds=2).mean == 0


def test_val_leaves_a_fold_of_one_kind_out_of_the_other_kinds_mean() -> None:
    same = np.array([True] * 10 + [False] * 10 + [True] * 10)
    scores = np.where(same, 0.9, 0.1)
    result = val_at_far(scores, same, np.repeat([0, 1, 2], 10), far=0.5)
    assert (result.mean, result.far) == (1, 0)


@pytest.mark.parametrize("components", [3, 8])
def test_pca_inside_the_folds_is_that_of_scikit_learn(components: int) -> None:
    decomposition = pytest.importorskip("sklearn.decomposition")
    random = np.random.default_rng(0)
    first = unit(random.normal(size=(200, 8)) * np.arange(1, 9))
    same = random.random(200) < 0.5
    second = unit(np.where(same[:, None], first + 0.2 * random.normal(size=(200, 8)), random.normal(size=(200, 8))))
    fold = np.repeat(np.arange(4), 50)
    expected = []
    for one in range(4):
        pca = decomposition.PCA(components).fit(np.concatenate([first[fold != one], second[fold != one]]))
        distance = 2 - 2 * cosine(pca.transform(first), pca.transform(second))
        expected.append(slow_grid_accuracy(distance, same, fold)[0][one])
    assert pca_accuracy(first, second, same, 4, components).accuracies == pytest.approx(expected)


def test_pca_cannot_keep_more_than_there_is() -> None:
    with pytest.raises(DataError, match="cannot keep 5"):
        pca_accuracy(np.ones((4, 3)), np.ones((4, 3)), [True, False] * 2, 2, components=5)


def test_mean_norm() -> None:
    assert mean_norm([[3, 4], [0, 1]]) == 3
