from collections import Counter
from typing import Any, Literal

import numpy as np
import pytest

from mfn.data.mixture import MixedOrder, Mixture, check_weights, counts_of, shares_of
from mfn.data.sampler import FaceBatchSampler
from mfn.errors import ConfigError

PARTS = np.array([0] * 30 + [1] * 7 + [2] * 3)
LABELS = np.array([*(n // 5 for n in range(30)), *(6 + n // 4 for n in range(7)), *(8, 8, 9)])


def sampler(shares: list[float] | None, batch_size: int = 4, **options: Any) -> FaceBatchSampler:
    mixture = None if shares is None else Mixture(PARTS, shares)
    given = {"shuffle": True, "seed": 3, "labels": LABELS, **options}
    return FaceBatchSampler(PARTS.size, batch_size, mixture=mixture, **given)


def epochs(order: FaceBatchSampler, count: int) -> list[list[tuple[int, int]]]:
    found = []
    for epoch in range(count):
        order.set_epoch(epoch)
        found.append([key for batch in order for key in batch])
    return found


@pytest.mark.parametrize("shares", [[0.5, 0.3, 0.2], [0.05, 0.05, 0.9], [0.98, 0.01, 0.01], [1 / 3] * 3])
@pytest.mark.parametrize("shuffle", [True, False, "once"])
@pytest.mark.parametrize("per_identity", [1, 2])
def test_each_source_has_its_share_and_each_image_as_often_as_its_others(
    shares: list[float], shuffle: bool | Literal["once"], per_identity: int
) -> None:
    order = sampler(shares, shuffle=shuffle, per_identity=per_identity)
    seen = Counter[int]()
    first_keys: set[tuple[int, int]] = set()
    for keys in epochs(order, 12):
        assert len(keys) == order.size == (40 if per_identity == 1 else 48)
        taken = np.bincount(PARTS[[index for _, index in keys]], minlength=3)
        assert (abs(taken / len(keys) - shares) <= per_identity / len(keys)).all()
        seen.update(index for _, index in keys)
        if per_identity == 1:
            # The randomness of an image is new each time it is seen
            assert first_keys.isdisjoint(keys) and len(set(keys)) == len(keys)
            first_keys.update(keys)
    for part in range(3):
        counts = [seen[index] for index in np.flatnonzero(part == PARTS)]
        if per_identity == 1:
            assert max(counts) - min(counts) <= 1
        else:
            assert min(seen[index] for index in np.flatnonzero(part == PARTS)) > 0 or shares[part] < 0.06


def test_images_of_a_person_come_together_and_from_one_source() -> None:
    for keys in epochs(sampler([0.2, 0.4, 0.4], per_identity=2), 4):
        for one, other in zip(keys[::2], keys[1::2], strict=True):
            assert LABELS[one[1]] == LABELS[other[1]] and PARTS[one[1]] == PARTS[other[1]] and one[0] == other[0]


def test_an_order_is_a_function_of_seed_and_epoch() -> None:
    assert epochs(sampler([0.2, 0.4, 0.4]), 3) == epochs(sampler([0.2, 0.4, 0.4]), 3)
    assert epochs(sampler([0.2, 0.4, 0.4]), 3) != epochs(sampler([0.2, 0.4, 0.4], seed=4), 3)
    one, two, three = epochs(sampler([0.2, 0.4, 0.4]), 3)
    assert one != two != three
    late = sampler([0.2, 0.4, 0.4])
    late.set_epoch(2)
    assert [key for batch in late for key in batch] == three


@pytest.mark.parametrize("start", [0, 4, 8, 20, 36])
@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_a_resumed_order_goes_on(start: int, world_size: int) -> None:
    (whole,) = epochs(sampler([0.2, 0.4, 0.4], batch_size=1), 1)
    ranks = []
    for rank in range(world_size):
        order = sampler([0.2, 0.4, 0.4], batch_size=2, rank=rank, world_size=world_size, drop_last=True)
        order.start = start
        ranks.append([key for batch in order for key in batch])
    together = [key for keys in zip(*ranks, strict=True) for key in keys]
    assert together == whole[start : start + len(together)] and len(together) > 40 - start - 2 * world_size


def test_without_weights_nothing_changes() -> None:
    plain = epochs(sampler(None), 2)
    assert plain == epochs(FaceBatchSampler(40, 4, shuffle=True, seed=3), 2)
    assert sorted(index for _, index in plain[1]) == list(range(40)) and {epoch for epoch, _ in plain[1]} == {1}


def test_without_shuffling_sources_come_one_after_the_other() -> None:
    (keys, later) = epochs(sampler([0.25, 0.25, 0.5], shuffle=False), 2)
    assert [index for _, index in keys[:20]] == [*range(10), *range(30, 37), *range(30, 33)]
    assert [index for _, index in later[:10]] == list(range(10, 20))


def test_once_is_one_order_that_goes_on_where_it_stopped() -> None:
    order = MixedOrder(Mixture(np.zeros(4, int), [1.0]), per_identity=1, labels=np.arange(4), shuffle="once", seed=0)
    assert np.array_equal(order.arranged(0)[0], order.arranged(5)[0])


def test_counts_add_up() -> None:
    draw = np.random.default_rng(0)
    for total in (1, 7, 100, 5_000_001):
        for _ in range(20):
            shares = draw.dirichlet([0.3] * 4).tolist()
            counts = counts_of(shares, total)
            assert sum(counts) == total and max(abs(np.array(counts) - np.array(shares) * total)) < 1


def test_shares() -> None:
    counts = {"a": 100, "b": 300, "c": 600}
    assert shares_of(counts, {}) is None and shares_of(counts, {"a": None, "c": None}) is None
    assert shares_of(counts, {"a": 1, "b": 1, "c": 2}) == [0.25, 0.25, 0.5]
    assert shares_of(counts, {"a": 0.7}) == pytest.approx([0.7, 0.1, 0.2])
    assert shares_of(counts, {"c": 0.1, "a": 0.1, "b": None}) == pytest.approx([0.1, 0.8, 0.1])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"d": 1}, r"data\.weights\.d is of no source: there are a, b, c"),
        ({"a": 0}, r"data\.weights\.a=0 must be a positive number, or null"),
        ({"a": -1}, "positive"),
        ({"a": float("nan")}, "positive"),
        ({"a": float("inf")}, "positive"),
        ({"a": 1}, r"adds up to 1, which leaves nothing for b, c"),
        ({"a": 0.6, "b": 0.5}, r"adds up to 1\.1, which leaves nothing for c: give shares .*less than 1, or a weight"),
    ],
)
def test_weights_that_make_no_shares(weights: dict[str, float | None], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_weights(["a", "b", "c"], weights)


def test_a_source_without_images_has_no_share() -> None:
    with pytest.raises(ConfigError, match=r"data\.weights\.b is given, and no image of data\.sources\.b trains"):
        shares_of({"a": 5, "b": 0}, {"a": 1, "b": 1})
    with pytest.raises(ConfigError, match="of which no image trains"):
        shares_of({"a": 5, "b": 0}, {"a": 0.5})
