import inspect
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from mfn.benchmarks.verification import VerificationSet, consecutive_folds
from mfn.data.datamodule import FaceDataModule
from mfn.data.loader import FaceLoader
from mfn.errors import CheckpointError, ConfigError, DataError
from mfn.synthetic.dataset import SyntheticFaces
from tests.composing import CONF
from tests.sources.files import ArraySource

LABELS = np.repeat(np.arange(40) * 3, 10).tolist()


def module(labels: list[int] = LABELS, **options: Any) -> FaceDataModule:
    return FaceDataModule(
        ArraySource(labels),
        **{"image_size": (8, 6), "batch_size": 16, "num_workers": 0, "val_identities": 0.0} | options,
    )


def extra_set() -> VerificationSet:
    pairs, is_same = np.array([[0, 1], [1, 2]]), np.array([True, False])
    return VerificationSet("extra", ArraySource([0, 0, 1]), pairs, is_same, consecutive_folds(2, 1))


def test_sizes_come_from_the_data() -> None:
    data = module()
    data.setup("fit")
    assert (data.num_classes, data.num_images) == (40, 400)
    assert data.label_map.tolist() == list(range(0, 120, 3))
    batch = next(iter(data.train_dataloader()))
    assert batch.images.shape == (16, 8, 6, 3)
    assert np.array_equal(data.label_map[batch.labels], np.array(LABELS)[batch.indices])
    assert data.verification_sets == {} and data.val_dataloader() == []


def test_judging_loaders_come_in_the_promised_order() -> None:
    extra = extra_set()
    data = module(val_identities=0.25, val_fraction=0.2, val_pairs=100, verification={"extra": extra})
    data.setup()
    assert list(data.verification_sets) == ["held_out", "extra"]
    held_out, given, closed = data.val_dataloader()
    pairs = data.verification_sets["held_out"]
    assert pairs.pairs.shape == (100, 2) and len(pairs.source) == np.unique(pairs.pairs).size <= 100
    assert pairs.fold_of.tolist() == np.repeat(np.arange(10), 10).tolist()
    assert pairs.identities is not None
    assert np.array_equal(np.equal(*pairs.identities[pairs.pairs].T), pairs.is_same)
    assert pairs.is_same.reshape(10, 10).sum(axis=1).tolist() == [5] * 10
    assert [batch.indices.tolist() for batch in given] == [[0, 1, 2]]
    assert sum(len(batch.labels) for batch in held_out) == len(pairs.source)
    labelled = list(closed)
    assert sum(len(batch.labels) for batch in labelled) == 60
    for batch in labelled:
        assert np.array_equal(data.label_map[batch.labels], np.array(LABELS)[batch.indices])


def test_nobody_held_out_is_trained_on() -> None:
    data = module(val_identities=0.25, val_fraction=0.2, drop_last=False)
    data.setup()
    pairs = data.verification_sets["held_out"]
    judged = {int(pairs.source.describe(index).split()[1]) for index in range(len(pairs.source))}
    trained = {int(index) for batch in data.train_dataloader() for index in batch.indices}
    validated = {int(index) for batch in data.val_dataloader()[1] for index in batch.indices}
    assert len(judged) + len(trained) + len(validated) == 400
    people = np.array(LABELS)
    assert not set(people[list(judged)]) & set(people[list(trained | validated)])
    assert set(people[list(validated)]) <= set(people[list(trained)])


def test_setup_twice_is_setup_once() -> None:
    data = module(val_identities=0.25)
    data.setup("fit")
    pairs = data.verification_sets["held_out"]
    data.setup("validate")
    assert data.verification_sets["held_out"] is pairs


def test_pairs_are_as_many_as_the_images_make() -> None:
    data = module(val_identities=0.05)
    data.setup()
    assert len(data.verification_sets["held_out"].pairs) == 180


def test_identity_rules_reach_the_loader() -> None:
    data = module(labels=[0] * 3 + [1] * 30 + [2] * 50, min_images=5, max_images=40, drop_last=False)
    data.setup()
    assert (data.num_classes, data.num_images, data.label_map.tolist()) == (2, 70, [1, 2])
    assert data.summary()["images dropped by min_images and max_images"] == 13
    assert data.summary()["images per training identity"] == "30 to 40, median 35"


def test_ranks_share_training_and_verification() -> None:
    judged: list[list[int]] = []
    for rank in (0, 1, 2):
        data = module(val_identities=0.25)
        data.trainer = SimpleNamespace(global_rank=rank, world_size=3)  # type: ignore[assignment]
        assert len(data.train_dataloader()) == 6
        judged.append([index for batch in data.val_dataloader()[0] for index in batch.indices.tolist()])
    assert [len(positions) for positions in judged] == [34, 34, 34]  # as many steps on each, or one would wait
    assert set().union(*judged) == set(range(100))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"batch_size": 0}, "data.batch_size=0"),
        ({"eval_batch_size": 0}, "data.eval_batch_size=0"),
        ({"num_workers": -1}, "data.num_workers=-1"),
        ({"val_pairs": 10}, "data.val_pairs=10 must be at least 20"),
        ({"seed": -1}, "seed=-1"),
        ({"min_images": 11}, "lower data.min_images=11"),
        ({"val_identities": 0.98}, "data.val_identities=0.98"),
        ({"val_identities": 0.02}, "holds out 1 identities with 10 images"),
        ({"val_identities": 0.001}, "holds out 0 identities"),
        ({"batch_size": 401}, "more than the 400 training images"),
    ],
)
def test_wrong_values_name_their_key(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        module(**options).train_dataloader()
    assert said in str(caught.value)


def test_one_identity_is_not_enough() -> None:
    with pytest.raises(DataError, match="1 identity"):
        module(labels=[4] * 10).setup()


def test_its_defaults_are_those_of_the_configuration() -> None:
    base = OmegaConf.load(CONF / "data" / "base.yaml")
    own = {name: parameter.default for name, parameter in inspect.signature(FaceDataModule).parameters.items()}
    keys = [key for key in base if key not in ("module", "size_schedule")]  # sizes are changed where the network is
    assert {key: own[key] for key in keys} == {key: base[key] for key in keys}
    assert set(base.module) - {"_target_"} == set(own)


@pytest.mark.parametrize(
    ("people", "images", "held_out"),
    [(2, 8, 0), (4, 8, 2), (8, 4, 2), (8, 2, 0), (24, 2, 12), (24, 6, 6), (100, 5, 20), (1458, 3, 29), (3000, 2, 60)],
)
def test_people_to_judge_on_fit_the_data(people: int, images: int, held_out: int) -> None:
    data = module(np.repeat(np.arange(people), images).tolist(), val_identities=None, batch_size=2)
    data.setup()
    assert (data.num_classes, "held_out" in data.verification_sets) == (people - held_out, held_out > 0)
    assert data.summary()["held-out identities"] == held_out


def started(batches: int = 2, **options: Any) -> dict[str, Any]:
    """The state after some batches of the first epoch."""
    data = module(shuffle=True, **options)
    epoch = iter(data.train_dataloader())
    for _ in range(batches):
        next(epoch)
    return data.state_dict()


@pytest.mark.parametrize("batch_size", [16, 8, 5, 64])
def test_training_goes_on_at_the_next_sample_whatever_the_batch_size(batch_size: int) -> None:
    whole = [index for batch in module(shuffle=True).train_dataloader() for index in batch.indices.tolist()]
    data = module(shuffle=True, batch_size=batch_size)
    data.load_state_dict(started())
    loader = data.train_dataloader()
    assert isinstance(loader, FaceLoader) and loader.batches_left == (400 - 32) // batch_size
    rest = [index for batch in loader for index in batch.indices.tolist()]
    assert rest == whole[32 : 32 + len(rest)] and len(rest) > 400 - 32 - batch_size


@pytest.mark.parametrize(
    ("labels", "options", "words"),
    [
        (LABELS[:-10], {}, "400 images then, 390 now; 40 identities then, 39 now"),
        (LABELS, {"val_fraction": 0.5}, "400 images then, 200 now"),
        (LABELS[10:] + LABELS[:10], {}, "in another order or under other labels"),
        (LABELS, {"seed": 3}, "seed 0 then, 3 now"),
        (LABELS, {"fit": "resize"}, "fit=exact then, resize now"),
    ],
)
def test_it_does_not_go_on_with_other_data(labels: list[int], options: dict[str, Any], words: str) -> None:
    with pytest.raises(CheckpointError, match=f"other data: .*{words}; give it the same data"):
        module(labels, **options).load_state_dict(started())


def test_it_does_not_go_on_with_other_pictures_under_the_same_labels() -> None:
    class Other(ArraySource):
        def image(self, index: int) -> np.ndarray:
            return 255 - super().image(index)

    data = FaceDataModule(Other(LABELS), image_size=(8, 6), batch_size=16, num_workers=0, val_identities=0.0)
    with pytest.raises(CheckpointError, match="other pictures"):
        data.load_state_dict(started())


def test_labels_stay_where_a_sampled_head_reads_them_without_waiting() -> None:
    data = FaceDataModule(SyntheticFaces(8, 4, image_size=(32, 32)), image_size=(32, 32), batch_size=8, num_workers=0)
    batch = next(iter(data.train_dataloader()))
    moved = data.transfer_batch_to_device(batch, torch.device("meta"), 0)
    assert moved.images.device.type == "meta" and moved.labels is batch.labels
