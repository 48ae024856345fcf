import dataclasses
import logging
from pathlib import Path

import numpy as np
import pytest

from mfn.errors import BrokenImageError
from mfn.evaluation.embedding import embed_images
from mfn.evaluation.embedding_cache import EmbeddingCache
from tests.data.sources import ArraySource
from tests.evaluation.tiny import tiny_embedder

SIZE = (12, 12)


class PowerCutError(Exception):
    """The machine goes down."""


class Counted(ArraySource):
    """Remembers which images were read, and fails when it is told to."""

    def __init__(self, count: int = 10, fails_at: int | None = None, broken: tuple[int, ...] = ()) -> None:
        super().__init__([0] * count, SIZE, broken)
        self.fails_at = fails_at
        self.read: list[int] = []

    def image(self, index: int) -> np.ndarray:
        if index == self.fails_at:
            raise PowerCutError
        self.read.append(index)
        return super().image(index)


@pytest.fixture
def cache(tmp_path: Path) -> EmbeddingCache:
    return EmbeddingCache(tmp_path, shard_size=4)


EMBEDDER = tiny_embedder(SIZE)


def shards(cache: EmbeddingCache) -> list[Path]:
    return sorted(cache.folder.rglob("*.npy"))


@pytest.mark.parametrize("flip", ["none", "sum"])
def test_same_as_without_cache(cache: EmbeddingCache, flip: str) -> None:
    expected = embed_images(EMBEDDER, Counted(), flip=flip)
    for _ in range(2):
        embedded = cache.embed(EMBEDDER, Counted(), flip=flip, batch_size=3)
        np.testing.assert_array_equal(embedded.positions, np.arange(10))
        np.testing.assert_allclose(embedded.plain, expected.plain, atol=1e-5)
        assert (embedded.mirrored is None) == (flip == "none")
        if embedded.mirrored is not None:
            np.testing.assert_allclose(embedded.mirrored, expected.mirrored, atol=1e-5)
    assert [path.name for path in shards(cache)] == ["000000000.npy", "000000004.npy", "000000008.npy"]


def test_a_stopped_run_goes_on_with_the_rest(cache: EmbeddingCache, tmp_path: Path) -> None:
    whole = EmbeddingCache(tmp_path / "other", 4).embed(EMBEDDER, Counted())
    with pytest.raises(PowerCutError):
        cache.embed(EMBEDDER, Counted(fails_at=5))
    assert len(shards(cache)) == 1 + 3  # those of the other cache lie below
    rest = Counted()
    np.testing.assert_array_equal(cache.embed(EMBEDDER, rest).plain, whole.plain)
    assert rest.read == [4, 5, 6, 7, 8, 9]
    nothing = Counted()
    np.testing.assert_array_equal(cache.embed(EMBEDDER, nothing).plain, whole.plain)
    assert nothing.read == []


def test_a_torn_shard_is_made_again(cache: EmbeddingCache, caplog: pytest.LogCaptureFixture) -> None:
    whole = cache.embed(EMBEDDER, Counted())
    first, second, third = shards(cache)
    first.write_bytes(first.read_bytes()[:-7])
    second.write_bytes(b"")
    np.save(third, np.zeros((2, 1, 3), np.float32))
    again = Counted()
    np.testing.assert_array_equal(cache.embed(EMBEDDER, again).plain, whole.plain)
    assert again.read == list(range(10))
    assert sum("made again" in record.message for record in caplog.records) == 3
    assert not list(cache.folder.rglob("*.tmp*"))


def test_another_network_contract_source_or_key_is_not_mixed_up(cache: EmbeddingCache) -> None:
    cache.embed(EMBEDDER, Counted())

    class Renamed(Counted):
        def describe(self, index: int) -> str:
            return f"other {index}"

    swapped = dataclasses.replace(EMBEDDER.contract, color="BGR")
    for embedder, source, key in (
        (tiny_embedder(SIZE, seed=1), Counted(), ""),
        (EMBEDDER.with_contract(swapped), Counted(), ""),
        (EMBEDDER, Counted(11), ""),
        (EMBEDDER, Renamed(), ""),
        (EMBEDDER, Counted(), "landmarks"),
    ):
        cache.embed(embedder, source, source_key=key)
        assert len(source.read) == len(source)
    cache.embed(EMBEDDER, views := Counted(), flip="sum")
    assert len(views.read) == 10
    threshold = EMBEDDER.with_contract(dataclasses.replace(EMBEDDER.contract, threshold=0.3))
    cache.embed(threshold, same := Counted())
    assert same.read == []


def test_broken_images_are_left_out_only_where_that_is_allowed(cache: EmbeddingCache) -> None:
    with pytest.raises(BrokenImageError, match="array 5: broken on purpose"):
        cache.embed(EMBEDDER, Counted(broken=(5,)))
    for _ in range(2):
        embedded = cache.embed(EMBEDDER, Counted(broken=(5,)), strict=False)
        assert embedded.positions.tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9]
        expected = embed_images(EMBEDDER, Counted(broken=(5,)), strict=False).plain
        np.testing.assert_allclose(embedded.plain, expected, atol=1e-5)
    with pytest.raises(BrokenImageError, match="array 5: there is no"):
        cache.embed(EMBEDDER, Counted(broken=(5,)))


def test_progress_is_told(cache: EmbeddingCache, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        cache.embed(EMBEDDER, Counted())
    lines = [record.message for record in caplog.records]
    assert [line.split(",")[0] for line in lines] == [f"arrays: {n} of 10 images embedded" for n in (4, 8, 10)]
    assert "images/s" in lines[0] and lines[-1].endswith("0:00:00 left")


def test_worker_processes_give_the_same(cache: EmbeddingCache, tmp_path: Path) -> None:
    plain = cache.embed(EMBEDDER, ArraySource([0] * 10, SIZE)).plain
    other = EmbeddingCache(tmp_path / "other", 6)
    np.testing.assert_allclose(
        other.embed(EMBEDDER, ArraySource([0] * 10, SIZE), num_workers=1).plain, plain, atol=1e-5
    )
