from typing import Any

import numpy as np
import pytest

from mfn.data.splits import SplitRules, split
from mfn.errors import ConfigError
from mfn.sources.identities import draws, map_labels, select_images, split_identities, split_images

RNG = np.random.default_rng(0)
LABELS = RNG.permutation(np.repeat(np.arange(300) * 7 - 50, RNG.integers(1, 40, 300)))


def test_draws_are_uniform_and_depend_on_every_name() -> None:
    grid = draws(1, np.arange(300)[:, None], np.arange(300))
    assert grid.min() >= 0 and grid.max() < 1
    assert abs(grid.mean() - 0.5) < 0.01 and abs(grid.var() - 1 / 12) < 0.002
    assert np.unique(grid).size == grid.size
    assert abs(np.corrcoef(grid[:, :-1].ravel(), grid[:, 1:].ravel())[0, 1]) < 0.02
    assert not np.array_equal(grid, draws(2, np.arange(300)[:, None], np.arange(300)))


def test_labels_with_gaps_map_to_classes() -> None:
    classes, label_map = map_labels(np.array([40, -3, 40, 7]))
    assert classes.tolist() == [2, 0, 2, 1] and label_map.tolist() == [-3, 7, 40]


def test_identity_rules() -> None:
    kept = select_images(LABELS, min_images=5, max_images=20, seed=3)
    before = dict(zip(*np.unique(LABELS, return_counts=True), strict=True))
    after = dict(zip(*np.unique(LABELS[kept], return_counts=True), strict=True))
    assert after == {label: min(count, 20) for label, count in before.items() if count >= 5}
    assert (np.diff(kept) > 0).all()
    assert not np.array_equal(kept, select_images(LABELS, 5, 20, seed=4))


def test_a_pick_does_not_depend_on_other_identities() -> None:
    kept = select_images(LABELS, 1, 10, seed=3)
    others = np.flatnonzero(LABELS[0] != LABELS)
    assert np.array_equal(others[select_images(LABELS[others], 1, 10, seed=3)], kept[LABELS[kept] != LABELS[0]])


def test_picks_are_spread_over_the_images() -> None:
    labels = np.repeat(np.arange(2000), 10)
    picked = np.bincount(select_images(labels, 1, 3, seed=0) % 10, minlength=10)
    assert picked.sum() == 6000 and np.abs(picked - 600).max() < 100


@pytest.mark.parametrize("fraction", [0.0, 0.02, 0.1, 0.5, 0.9])
def test_image_split_takes_the_share_and_never_the_last_image(fraction: float) -> None:
    taken = split_images(LABELS, fraction, seed=0)
    classes, label_map = map_labels(LABELS)
    counts, val = np.bincount(classes), np.bincount(classes[taken], minlength=label_map.size)
    assert (val < counts).all()
    assert (np.abs(val - np.minimum(counts * fraction, counts - 1)) < 1).all()
    assert abs(taken.mean() - fraction) < 0.05


def test_small_identities_give_their_share_on_average() -> None:
    assert abs(split_images(np.repeat(np.arange(3000), 5), 0.02, seed=0).mean() - 0.02) < 0.004


def test_identity_split() -> None:
    held_out = split_identities(LABELS, 0.1, seed=0)
    assert np.unique(LABELS[held_out]).size == 30
    assert not set(LABELS[held_out].tolist()) & set(LABELS[~held_out].tolist())
    assert not np.array_equal(held_out, split_identities(LABELS, 0.1, seed=1))


def test_splits_are_disjoint_and_complete() -> None:
    rules = SplitRules(min_images=3, max_images=15, val_fraction=0.2, val_identities=0.1)
    splits = split(LABELS, rules, seed=5)
    parts = np.concatenate([splits.train, splits.validation, splits.held_out])
    assert np.array_equal(np.sort(parts), select_images(LABELS, 3, 15, seed=5))
    assert np.array_equal(splits.label_map[splits.train_classes], LABELS[splits.train])
    assert np.array_equal(splits.label_map[splits.validation_classes], LABELS[splits.validation])
    assert np.unique(splits.train_classes).size == splits.label_map.size
    assert not np.isin(LABELS[splits.held_out], splits.label_map).any()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("min_images", 0),
        ("max_images", 0),
        ("val_fraction", 1.0),
        ("val_fraction", -0.1),
        ("val_identities", 1.5),
    ],
)
def test_rules_out_of_range(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"data\.{key}"):
        SplitRules(**{key: value})
