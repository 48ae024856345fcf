"""A run that goes on with the same or another number of processes: every image of an epoch is seen once."""

from collections import Counter
from pathlib import Path

import pytest

from tests.small_run import small_data
from tests.training.fitting import Seen, fit, fits, state_of

BATCH = {1: 12, 2: 6, 3: 4}
"""Of each process, so that all have the same steps: 3 of an epoch."""


def run(size: int, folder: Path, *, stop: int = -1, go_on: Path | None = None, batch: int | None = None) -> list[Seen]:
    options = {"go_on": go_on and go_on / "last.ckpt", "stop": stop, "ema": True, "head": "staged"}
    options["data"] = {"batch_size": batch or BATCH[size], "drop_last": False}
    folder.mkdir(exist_ok=True)
    return [fit(0, 1, folder, **options)] if size == 1 else fits(size, folder, **options)


def samples(seen: list[Seen]) -> list[int]:
    return [index for process in seen for batch in process.samples for index in batch]


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2), (2, 3)])
def test_another_number_goes_on_at_the_next_image(before: int, after: int, tmp_path: Path) -> None:
    first = run(before, tmp_path / "first", stop=4)  # after one of the three steps of the second epoch
    second = run(after, tmp_path / "second", go_on=tmp_path / "first")
    everyone = Counter(small_data().train_positions.tolist())
    assert Counter(samples(first) + samples(second)) == everyone + everyone
    alone = run(1, tmp_path / "alone")
    for one, *others in zip(alone[0].samples[4:], *(seen.samples for seen in second), strict=True):
        assert sorted(one) == sorted(index for batch in others for index in batch)
    assert list(state_of(tmp_path / "second")) == list(state_of(tmp_path / "alone"))


@pytest.mark.slow
def test_another_batch_size_too_leaves_no_image_out(tmp_path: Path) -> None:
    first = run(2, tmp_path / "first", stop=2, batch=3)  # 12 of 36
    second = run(3, tmp_path / "second", go_on=tmp_path / "first")  # 24 in two steps, and the second epoch in three
    everyone = Counter(small_data().train_positions.tolist())
    assert [len(seen.samples) for seen in second] == [5, 5, 5]
    assert Counter(samples(first) + samples(second)) == everyone + everyone


@pytest.mark.slow
def test_the_same_number_comes_to_the_same_bits(tmp_path: Path) -> None:
    whole = run(2, tmp_path / "whole")
    run(2, tmp_path / "first", stop=4)
    second = run(2, tmp_path / "second", go_on=tmp_path / "first")
    for one, other in zip(whole, second, strict=True):
        assert other.hashes == one.hashes[4:]
        assert other.losses == one.losses[4:]
        assert other.samples == one.samples[4:]
    one, other = state_of(tmp_path / "whole"), state_of(tmp_path / "second")
    assert all(one[name].equal(other[name]) for name in one)
