from typing import Any

import numpy as np
import pytest

from mfn.data.datamodule import FaceDataModule
from mfn.data.mixture import Mixture
from mfn.data.parted import held_out_pairs, mixture_of, rows_of_parts, split_source
from mfn.data.splits import SplitRules, split
from mfn.errors import CheckpointError, ConfigError
from mfn.sources.several import SeveralFaces
from tests.sources.files import ArraySource
from tests.sources.test_several import with_copies

ONE = [label for label in range(30) for _ in range(6)]
TWO = [2**24 + 3 * label for label in range(20) for _ in range(4)] + [5, 7, 7]


def named(labels: list[int], names: str, size: tuple[int, int] = (8, 6)) -> Any:
    source: Any = ArraySource(labels, size)
    source.label_names = {label: f"{names}{label}" for label in set(labels)}
    return source


def several(merge: Any = "apart", **sources: Any) -> SeveralFaces:
    return SeveralFaces(sources or {"one": ArraySource(ONE), "two": ArraySource(TWO, (9, 6))}, merge)


RULES = [
    SplitRules(),
    SplitRules(min_images=2, max_images=4, val_identities=0.2),
    SplitRules(val_fraction=0.3, val_identities=None),
]


@pytest.mark.parametrize("rules", RULES)
def test_each_source_is_split_as_in_a_run_of_its_own(rules: SplitRules) -> None:
    both = several()
    splits = split_source(both, rules, 3)
    for part, source in enumerate(both.parts.values()):
        alone = split(source.labels, rules, 3)
        rows = both.rows.of(part)
        for what in ("train", "validation", "held_out"):
            chosen = getattr(splits, what)
            assert np.intersect1d(chosen, rows).tolist() == rows[getattr(alone, what)].tolist()
    assert (np.diff(splits.train) > 0).all()
    assert np.array_equal(splits.label_map[splits.train_classes], both.labels[splits.train])
    assert np.array_equal(splits.label_map[splits.validation_classes], both.labels[splits.validation])
    assert np.unique(splits.train_classes).tolist() == list(range(splits.label_map.size))


def test_copies_train_where_their_images_do() -> None:
    one, two = with_copies(ArraySource(ONE), [0, 7, 100]), with_copies(ArraySource(TWO, (9, 6)), [3, 50])
    both = several(one=one, two=two)
    splits = split_source(both, SplitRules(val_identities=0.3, val_fraction=0.2), 1)
    assert both.copies is not None
    trains = np.isin(both.copies.origins, splits.train)
    assert splits.train.tolist() == np.flatnonzero(trains).tolist()
    images = np.flatnonzero(both.copies.codes == 0)
    assert np.sort(np.concatenate([splits.train, splits.validation, splits.held_out])).size >= images.size
    assert not set(splits.held_out) & set(np.flatnonzero(both.copies.codes))


def test_people_merged_by_name_are_held_out_of_all_sources() -> None:
    both = several("by_name", one=named(ONE, "p"), two=named([*range(20)] * 3 + [40] * 6, "p", (9, 6)))
    splits = split_source(both, SplitRules(val_identities=0.4), 2)
    assert not set(both.labels[splits.train]) & set(both.labels[splits.held_out])
    assert both.shared == 20 and np.unique(both.labels).size == 31
    held = both.labels[splits.held_out]
    assert any(len(set(both.rows.parts(splits.held_out[held == label]))) == 2 for label in set(held.tolist()))


@pytest.mark.parametrize("merge", ["apart", "by_name"])
def test_pairs_are_of_one_source_and_judged_together_and_apart(merge: Any) -> None:
    both = several(merge, one=named(ONE, "p"), two=named(TWO, "q" if merge == "apart" else "p", (9, 6)))
    splits = split_source(both, SplitRules(val_identities=0.4), 2)
    pairs = held_out_pairs(both, splits.held_out, 80, 0)
    assert pairs.name == "held_out" and pairs.groups is not None and pairs.identities is not None
    assert {name: int((pairs.groups == name).sum()) for name in both.parts} == {"one": 40, "two": 40}
    same = pairs.identities[pairs.pairs[:, 0]] == pairs.identities[pairs.pairs[:, 1]]
    assert np.array_equal(same, pairs.is_same)
    for group, (first, second) in zip(pairs.groups.tolist(), pairs.pairs.tolist(), strict=True):
        places = [pairs.source.describe(row) for row in (first, second)]
        assert all(place.startswith(f"{group}: ") for place in places), places
    for fold in range(10):
        assert pairs.is_same[pairs.fold_of == fold].mean() == 0.5
        assert (pairs.groups[pairs.fold_of == fold] == "one").mean() == 0.5
    for row in range(0, len(pairs.source), 7):
        assert pairs.source.image(row).shape[2] == 3


def test_a_source_with_too_few_people_judges_nothing() -> None:
    both = several(one=ArraySource(ONE), two=ArraySource([1, 1, 2], (9, 6)))
    splits = split_source(both, SplitRules(val_identities=None), 2)
    pairs = held_out_pairs(both, splits.held_out, 200, 0)
    assert pairs.groups is None and len(pairs.pairs) >= 20
    with pytest.raises(ConfigError, match="too few for 10 folds"):
        held_out_pairs(both, splits.held_out[:1], 200, 0)


def test_rows_of_a_table() -> None:
    both = several()
    splits = split_source(both, SplitRules(min_images=2, val_identities=0.1), 2)
    rows = rows_of_parts(both, splits, [0.9, 0.1])
    assert rows["of one"] == "180 images of 30 people; 162 of 27 train, 90.0% of an epoch; 18 held out"
    assert "83 images of 22 people" in rows["of two"] and "10.0% of an epoch" in rows["of two"]
    assert rows_of_parts(both, splits, None)["of one"].count("68.6% of an epoch") == 1
    merged = several("by_name", one=named(ONE, "p"), two=named([0, 1, 40], "p", (9, 6)))
    assert rows_of_parts(merged, split_source(merged, SplitRules(), 0), None)["people of several sources"] == "2"
    assert rows_of_parts(ArraySource(ONE), split(np.array(ONE), SplitRules(), 0), None) == {}


def test_weights_are_of_several_sources() -> None:
    with pytest.raises(ConfigError, match="there is one: leave them out"):
        mixture_of(ArraySource(ONE), np.arange(5), {"one": 1.0})
    assert mixture_of(ArraySource(ONE), np.arange(5), {}) is None
    mixture = mixture_of(several(), np.array([0, 5, 179, 180, 262]), {"two": 0.25})
    assert isinstance(mixture, Mixture) and list(mixture.shares) == [0.75, 0.25]
    assert mixture.parts.tolist() == [0, 0, 0, 1, 1]


def module(weights: dict[str, float | None] | None = None, **options: Any) -> FaceDataModule:
    data = FaceDataModule(
        several(),
        image_size=(8, 6),
        fit="resize",
        batch_size=10,
        weights=weights,
        val_identities=options.pop("val_identities", 0.0),
        **{"num_workers": 0, **options},
    )
    data.setup()
    return data


def batches(data: FaceDataModule, epoch: int = 0) -> list[list[np.ndarray]]:
    loader = data.train_dataloader()
    loader.set_epoch(epoch)
    return [[batch.images.numpy(), batch.labels.numpy(), batch.indices.numpy()] for batch in loader]


@pytest.mark.parametrize("weights", [None, {"one": 1.0, "two": 1.0}, {"two": 0.9}])
@pytest.mark.parametrize("context", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_batches_are_the_same_from_any_number_of_processes(weights: Any, context: str) -> None:
    here = batches(module(weights))
    there = batches(module(weights, num_workers=2, multiprocessing_context=context))
    assert len(here) == 26 and all(
        np.array_equal(a, b) for one, other in zip(here, there, strict=True) for a, b in zip(one, other, strict=True)
    )
    share = (np.concatenate([indices for _, _, indices in here]) >= len(ONE)).mean()
    wanted = len(TWO) / (len(ONE) + len(TWO)) if weights is None else {1: 0.9, 2: 0.5}[len(weights)]
    assert share == pytest.approx(wanted, abs=0.02)


@pytest.mark.parametrize("weights", [None, {"one": 1.0, "two": 3.0}])
def test_a_run_goes_on_within_an_epoch(weights: Any) -> None:
    whole = batches(module(weights), 3)
    data = module(weights)
    loader = data.train_dataloader()
    loader.set_epoch(3)
    stopped = iter(loader)
    for _ in range(7):
        next(stopped)
    state = data.state_dict()
    again = module(weights, num_workers=1)
    again.load_state_dict(state)
    rest = [batch.indices.numpy() for batch in again.train_dataloader()]
    assert [row.tolist() for row in rest] == [indices.tolist() for _, _, indices in whole[7:]]


def test_other_weights_are_another_order() -> None:
    data = module({"two": 0.5})
    next(iter(data.train_dataloader()))
    state = data.state_dict()
    for other in ({"two": 0.4}, None):
        with pytest.raises(CheckpointError, match=r"another order, by data\.weights"):
            module(other).load_state_dict(state)
    module({"one": 2.0, "two": 2.0}).load_state_dict(state)  # the same shares
    plain = module()
    next(iter(plain.train_dataloader()))
    older = {key: value for key, value in plain.state_dict().items() if key != "order"}
    module().load_state_dict(older)


def test_every_rule_with_every_kind_of_batch() -> None:
    for weights in (None, {"one": 0.2}):
        for per_identity in (1, 2):
            for shuffle in (True, False, "once"):
                data = module(
                    weights, per_identity=per_identity, shuffle=shuffle, min_images=2, max_images=4, val_identities=0.3
                )
                found = batches(data, 2)
                assert all(len(labels) == 10 for _, labels, _ in found) and len(found) >= 10
                assert "held_out" in data.verification_sets and data.summary()["of two"]


def test_validation_images_by_source() -> None:
    names = {label: f"n{label}" for label in range(30)}
    further: Any = ArraySource([2, 2, 29, 77], (7, 6))
    further.label_names = {**names, 77: "stranger"}
    one: Any = ArraySource(ONE)
    one.label_names = names
    both = SeveralFaces({"one": one, "two": ArraySource(TWO, (9, 6))})
    options: Any = {"image_size": (8, 6), "fit": "resize", "batch_size": 4, "num_workers": 0, "val_identities": 0.0}
    data = FaceDataModule(both, validation=SeveralFaces({"one": further}), **options)
    data.setup()
    assert data.summary()["validation images of the same identities"] == 3
    loader = data.val_dataloader()[-1]
    labels = np.concatenate([batch.labels.numpy() for batch in loader])
    assert [both.label_names[int(data.label_map[label])] for label in labels] == ["one/n2", "one/n2", "one/n29"]  # type: ignore[index]
    other = FaceDataModule(both, validation=SeveralFaces({"two": ArraySource([5, 7, 8], (7, 6))}), **options)
    other.setup()
    assert other.summary()["validation images of the same identities"] == 2
