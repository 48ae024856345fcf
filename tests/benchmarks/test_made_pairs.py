from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfn.benchmarks.made_pairs import make_pairs, pairs_from_source
from mfn.benchmarks.verification import VerificationSet, consecutive_folds
from mfn.errors import ConfigError, DataError
from tests.benchmarks.benchmark_files import given, write_images
from tests.sources.files import ArraySource, write_pack

LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(12) * 5, np.arange(1, 13)))


def source_places(pairs: VerificationSet) -> list[tuple[int, int]]:
    """Positions in the source the pairs were made from."""
    return [
        (int(pairs.source.describe(a).split()[1]), int(pairs.source.describe(b).split()[1]))
        for a, b in pairs.pairs.tolist()
    ]


@pytest.mark.parametrize("options", [{"folds": 5, "pairs_per_fold": 12}, {"sampling": "by_person", "num_sample": 3}])
def test_pairs_are_right_and_different(options: dict[str, Any]) -> None:
    pairs = pairs_from_source(ArraySource(LABELS.tolist()), **options)
    places = source_places(pairs)
    assert len({frozenset(place) for place in places}) == len(places) and all(a != b for a, b in places)
    assert [LABELS[a] == LABELS[b] for a, b in places] == pairs.is_same.tolist()
    assert np.array_equal(np.equal(*given(pairs.identities)[pairs.pairs].T), pairs.is_same)
    assert set(pairs.identities) <= set(LABELS) and np.unique(pairs.pairs).size == len(pairs.source)
    assert not pairs.strict and pairs.name == "arrays"


def test_balanced_folds() -> None:
    pairs = pairs_from_source(ArraySource(LABELS.tolist()), folds=5, pairs_per_fold=12, name="mine")
    assert len(pairs.pairs) == 60 and pairs.name == "mine"
    assert np.array_equal(pairs.fold_of, consecutive_folds(60, 5))
    assert pairs.is_same.reshape(5, 12).sum(axis=1).tolist() == [6] * 5


def test_by_person_makes_every_pair_of_the_images_drawn() -> None:
    pairs = pairs_from_source(ArraySource(LABELS.tolist()), sampling="by_person", num_person=4, num_sample=6, folds=3)
    places = source_places(pairs)
    images = sorted({place for pair in places for place in pair})
    assert {frozenset(place) for place in places} == {frozenset(pair) for pair in combinations(images, 2)}
    people, counts = np.unique(LABELS[images], return_counts=True)
    assert counts.tolist() == [6] * 4 and (people >= 25).all()
    assert pairs.is_same.sum() == 4 * 15 and len(places) == 24 * 23 // 2
    for fold in range(3):
        assert pairs.is_same[pairs.fold_of == fold].sum() == 20


def test_seed_decides() -> None:
    for options in ({"folds": 2, "pairs_per_fold": 20}, {"sampling": "by_person", "num_person": 3, "num_sample": 4}):
        first, again, other = (
            source_places(pairs_from_source(ArraySource(LABELS.tolist()), seed=seed, **options)) for seed in (0, 0, 1)
        )
        assert first == again and first != other


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sampling": "all"}, "sampling='all'"),
        ({"folds": 1}, "folds=1"),
        ({"pairs_per_fold": 7}, "pairs_per_fold=7 must be even"),
        ({"sampling": "by_person", "num_sample": 1}, "num_sample=1"),
        ({"sampling": "by_person", "num_person": 4, "num_sample": 10}, "from 2 to 3, the persons with num_sample=10"),
        ({"sampling": "by_person", "num_person": 1, "num_sample": 3}, "num_person=1"),
    ],
)
def test_values_out_of_range(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        pairs_from_source(ArraySource(LABELS.tolist()), **options)
    assert said in str(caught.value)


def test_too_many_and_too_few(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="fewer than the 3000"):
        pairs_from_source(ArraySource(LABELS.tolist()))
    monkeypatch.setattr("mfn.benchmarks.made_pairs._MOST_PAIRS", 100)
    with pytest.raises(ConfigError, match="lower num_person"):
        pairs_from_source(ArraySource(LABELS.tolist()), sampling="by_person", num_sample=5)


def test_folders_and_packs_are_told_apart(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "folder", [f"{name}/{i}.jpg" for name in "ab" for i in range(4)])
    (tmp_path / "pack").mkdir()
    pack = write_pack(tmp_path / "pack", {3.0: 4, 8.0: 4})

    for root, people in ((folder, {0, 1}), (pack, {3, 8})):
        pairs = make_pairs(root, folds=2, pairs_per_fold=4)
        assert len(pairs.pairs) == 8 and set(given(pairs.identities).tolist()) == people and pairs.name == root.name
    with pytest.raises(DataError, match="does not exist"):
        make_pairs(tmp_path / "nothing")
