"""Orders of images that lie in parts: every image once, a few parts at a time."""

import threading

import numpy as np
import pytest

from mfn.data.part_order import PartOrder, order_mark
from mfn.data.sampler import FaceBatchSampler
from mfn.errors import ConfigError
from mfn.sources.source import Stream
from tests.sources.files import ArraySource


def stream(counts: list[int], open_parts: int = 4, ahead: int = 0, fetch: object = None) -> Stream:
    parts = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    return Stream(ArraySource([0] * parts.size), parts, open_parts, ahead, fetch or (lambda part: None))  # type: ignore[arg-type]


def everything(counts: list[int], open_parts: int = 4) -> tuple[Stream, PartOrder, int]:
    lying = stream(counts, open_parts)
    return lying, PartOrder(lying, np.arange(lying.parts.size)), lying.parts.size


@pytest.mark.parametrize("counts", [[5], [1, 1], [3] * 20, [50, 1, 7, 7, 30, 2], [1] * 100, [40, 40]])
@pytest.mark.parametrize("open_parts", [1, 2, 4, 16])
@pytest.mark.parametrize("shuffle", [True, False])
def test_every_image_comes_once_and_few_parts_are_open(counts: list[int], open_parts: int, shuffle: bool) -> None:
    lying, order, size = everything(counts, open_parts)
    rows = order.arranged(np.random.default_rng(3) if shuffle else None)
    assert np.array_equal(np.sort(rows), np.arange(size))
    parts = lying.parts[rows]
    first = {part: int(np.argmax(parts == part)) for part in set(parts.tolist())}
    last = {part: size - 1 - int(np.argmax(parts[::-1] == part)) for part in first}
    opened = [sum(first[part] <= place <= last[part] for part in first) for place in range(size)]
    assert max(opened) <= (open_parts if shuffle else 1)


def test_the_order_is_a_function_of_the_draw_alone() -> None:
    _, order, size = everything([9] * 12)
    first, again, other = (order.arranged(np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    lanes = PartOrder(stream([9] * 12, 3), np.arange(size)).arranged(np.random.default_rng(1))
    assert not np.array_equal(first, lanes)


def test_images_of_a_part_come_in_random_order_and_parts_in_turns() -> None:
    lying, order, _ = everything([30] * 8)
    rows = order.arranged(np.random.default_rng(0))
    parts = lying.parts[rows]
    assert all(len(set(parts[place : place + 4].tolist())) == 4 for place in range(0, rows.size, 4))
    of_one = rows[parts == parts[0]]
    assert not np.array_equal(of_one, np.sort(of_one))


@pytest.mark.parametrize("world_size", [2, 4])
def test_ranks_meet_parts_of_their_own(world_size: int) -> None:
    lying, order, _ = everything([25] * 8)
    rows = order.arranged(np.random.default_rng(0))
    met = [set(lying.parts[rows[rank::world_size]].tolist()) for rank in range(world_size)]
    assert sum(map(len, met)) == len(set.union(*met)) == 8


@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize("world_size", [1, 2, 3])
@pytest.mark.parametrize("counts", [[10] * 6, [3, 30, 1, 17]])
def test_samplers_give_what_they_give_for_any_order(counts: list[int], world_size: int, drop_last: bool) -> None:
    _, order, size = everything(counts)
    whole: list[list[list[int]]] = []
    for start in (0, 4 * world_size):
        batches, others = [], []
        for rank in range(world_size):
            for found, parts in ((batches, order), (others, None)):
                sampler = FaceBatchSampler(
                    size, 4, shuffle=True, drop_last=drop_last, rank=rank, world_size=world_size, parts=parts
                )
                sampler.set_epoch(2)
                sampler.start = start
                found.append([[index for _, index in batch] for batch in sampler])
        assert [list(map(len, rank)) for rank in batches] == [list(map(len, rank)) for rank in others]
        if start == 0:
            whole = batches
        else:
            assert [rank[start // (4 * world_size) :] for rank in whole] == batches
    seen = sorted({index for rank in whole for batch in rank for index in batch})
    assert drop_last or seen == list(range(size))


def test_a_run_goes_on_with_another_number_of_ranks() -> None:
    _, order, size = everything([10] * 8)
    ranks = [FaceBatchSampler(size, 5, shuffle=True, rank=rank, world_size=2, parts=order) for rank in range(2)]
    two = [[index for batch in sampler for _, index in batch] for sampler in ranks]
    alone = FaceBatchSampler(size, 5, shuffle=True, parts=order)
    alone.start = 40
    left = {index for batch in alone for _, index in batch}
    assert left == {index for rank in two for index in rank[20:]}


def test_images_of_a_person_together_are_refused() -> None:
    _, order, size = everything([10] * 8)
    with pytest.raises(ConfigError, match="per_identity=2 needs all images of a person at a time"):
        FaceBatchSampler(size, 4, per_identity=2, labels=np.zeros(size, np.int64), parts=order)


def test_parts_are_fetched_before_they_are_needed_and_not_too_early() -> None:
    fetched: list[int] = []
    lock = threading.Lock()

    def fetch(part: int) -> None:
        with lock:
            fetched.append(part)
        if part % 2:
            raise OSError("a broken line ends nothing")

    lying = stream([10] * 12, 2, 2, fetch)
    positions = np.flatnonzero(lying.parts != 5)
    order = PartOrder(lying, positions)
    rows = order.arranged(np.random.default_rng(0))
    parts = lying.parts[positions][rows]
    firsts = sorted(int(np.argmax(parts == part)) for part in set(parts.tolist()))
    for place in range(0, rows.size, 5):
        with order.followed(rows) as told:
            told(place)
        begun = sum(first <= place for first in firsts)
        assert len(set(fetched)) <= min(11, begun + 2)
        fetched.clear()
    with order.followed(rows) as told:
        for place in range(0, rows.size, 5):
            told(place)
        told(rows.size)
        for _ in range(1000):
            if len(fetched) == 11:
                break
            threading.Event().wait(0.01)
    assert sorted(fetched) == [part for part in range(12) if part != 5]


def test_other_parts_have_another_mark() -> None:
    assert order_mark(None) == ""
    marks = {order_mark(stream(counts, lanes)) for counts, lanes in (([5, 5], 2), ([5, 5], 1), ([4, 6], 2))}
    assert len(marks) == 3 and order_mark(stream([5, 5])) == order_mark(stream([5, 5]))
