from typing import Literal

import numpy as np
import pytest

from mfn.data.sampler import FaceBatchSampler
from mfn.errors import ConfigError


def indices(sampler: FaceBatchSampler) -> list[int]:
    return [index for batch in sampler for _, index in batch]


@pytest.mark.parametrize("size", [1, 7, 1000, 100_003])
def test_an_epoch_is_a_permutation(size: int) -> None:
    sampler = FaceBatchSampler(size, 64, shuffle=True, seed=1)
    order = indices(sampler)
    assert sorted(order) == list(range(size))
    assert order == indices(sampler)
    if size > 7:
        assert order != sorted(order)
        sampler.set_epoch(1)
        assert indices(sampler) != order
        assert indices(FaceBatchSampler(size, 64, shuffle=True, seed=2)) != order


def test_shuffling_reaches_over_the_whole_set() -> None:
    order = np.array(indices(FaceBatchSampler(100_000, 100, shuffle=True)))
    assert abs(np.corrcoef(order, np.arange(order.size))[0, 1]) < 0.02
    assert np.abs(order - np.arange(order.size)).mean() > 30_000


def test_keys_hold_the_epoch() -> None:
    sampler = FaceBatchSampler(5, 2)
    sampler.set_epoch(3)
    assert list(sampler) == [[(3, 0), (3, 1)], [(3, 2), (3, 3)], [(3, 4)]]


@pytest.mark.parametrize(("drop_last", "sizes"), [(True, [3, 3, 3]), (False, [3, 3, 3, 1])])
def test_drop_last(drop_last: bool, sizes: list[int]) -> None:
    sampler = FaceBatchSampler(10, 3, drop_last=drop_last)
    assert [len(batch) for batch in sampler] == sizes
    assert len(sampler) == len(sizes)


@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize("size", [2, 10, 11])
def test_ranks_share_an_epoch_evenly(size: int, drop_last: bool) -> None:
    ranks = [FaceBatchSampler(size, 2, shuffle=True, drop_last=drop_last, rank=rank, world_size=3) for rank in range(3)]
    assert len({len(sampler) for sampler in ranks}) == 1
    shares = [indices(sampler) for sampler in ranks]
    assert len({len(share) for share in shares}) == 1
    seen = [index for share in shares for index in share]
    if drop_last:
        assert len(seen) == len(set(seen))
    else:
        assert set(seen) == set(range(size)) and len(seen) < size + 3


def test_start_leaves_out_samples_of_its_own_epoch_only() -> None:
    sampler = FaceBatchSampler(20, 3, shuffle=True)
    sampler.set_epoch(2)
    whole = list(sampler)
    sampler.start = 12
    sampler.set_epoch(2)
    assert list(sampler) == whole[4:] and len(sampler) == len(whole) and sampler.batches_after(12) == 3
    sampler.set_epoch(3)
    assert len(list(sampler)) == len(whole)


@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize("before", [(4, 1), (4, 2), (3, 3)])
@pytest.mark.parametrize("after", [(4, 1), (5, 1), (2, 2), (7, 3)])
def test_what_other_ranks_and_batch_sizes_have_seen_is_not_seen_again(
    before: tuple[int, int], after: tuple[int, int], drop_last: bool
) -> None:
    size, batches = 101, 5

    def ranks(batch_size: int, world_size: int, start: int) -> list[FaceBatchSampler]:
        made = [
            FaceBatchSampler(size, batch_size, shuffle=True, drop_last=drop_last, rank=rank, world_size=world_size)
            for rank in range(world_size)
        ]
        for sampler in made:
            sampler.start = start
        return made

    seen = [index for sampler in ranks(*before, 0) for batch in list(sampler)[:batches] for _, index in batch]
    rest = [index for sampler in ranks(*after, len(seen)) for index in indices(sampler)]
    new = set(rest) - set(seen)
    left = size - len(seen)
    if drop_last:
        assert len(rest) == len(new) > left - after[0] * after[1]
    else:
        assert set(seen) | new == set(range(size)) and len(rest) - len(new) < after[1]


@pytest.mark.parametrize("world_size", [1, 2])
@pytest.mark.parametrize("size", range(2, 20))
def test_a_last_batch_of_one_is_filled_up(size: int, world_size: int) -> None:
    for rank in range(world_size):
        sampler = FaceBatchSampler(size, 3, shuffle=True, rank=rank, world_size=world_size, least=2)
        lengths = [len(batch) for batch in sampler]
        assert min(lengths) >= 2 and len(lengths) == len(sampler)
        assert sum(lengths) - -(-size // world_size) in (0, 1)


@pytest.mark.parametrize(("batch_size", "seed"), [(0, 0), (4, -1)])
def test_values_out_of_range(batch_size: int, seed: int) -> None:
    with pytest.raises(ConfigError):
        FaceBatchSampler(10, batch_size, seed=seed)


def test_shuffled_once_every_epoch_has_the_order_of_the_first() -> None:
    def order(epoch: int, shuffle: bool | Literal["once"]) -> list[int]:
        sampler = FaceBatchSampler(20, 5, shuffle=shuffle, seed=3)
        sampler.set_epoch(epoch)
        return [index for batch in sampler for _, index in batch]

    assert order(0, "once") == order(7, "once") == order(0, True) != order(7, True)
    assert order(7, "once") != order(7, False) == list(range(20))


LABELS = np.repeat(np.arange(20), np.random.default_rng(0).integers(1, 9, 20))


@pytest.mark.parametrize("world_size", [1, 3])
@pytest.mark.parametrize("per_identity", [2, 4])
def test_images_of_an_identity_come_together(per_identity: int, world_size: int) -> None:
    labels = np.random.default_rng(2).permutation(LABELS)
    ranks = [
        FaceBatchSampler(
            *(len(labels), 8), shuffle=True, rank=rank, world_size=world_size, per_identity=per_identity, labels=labels
        )
        for rank in range(world_size)
    ]
    seen: list[int] = []
    for sampler in ranks:
        for batch in sampler:
            rows = np.array([index for _, index in batch]).reshape(-1, per_identity)
            assert (labels[rows] == labels[rows[:, :1]]).all()
            seen += rows.ravel().tolist()
        assert len(sampler) == len(list(sampler))
    assert set(seen) == set(range(len(labels)))
    assert len({len(sampler) for sampler in ranks}) == 1
    first = indices(ranks[0])
    assert first == indices(ranks[0])
    ranks[0].set_epoch(1)
    assert first != indices(ranks[0])


def test_an_epoch_of_identities_goes_on_where_it_stopped_also_with_other_batches() -> None:
    whole = indices(FaceBatchSampler(len(LABELS), 8, shuffle=True, per_identity=4, labels=LABELS))
    rest = FaceBatchSampler(len(LABELS), 4, shuffle=True, per_identity=4, labels=LABELS)
    rest.start = 16
    assert indices(rest) == whole[16:]


def test_a_batch_is_of_whole_groups() -> None:
    with pytest.raises(ConfigError, match=r"data.batch_size=10 is no multiple of data.per_identity=4"):
        FaceBatchSampler(20, 10, per_identity=4, labels=np.arange(20))
