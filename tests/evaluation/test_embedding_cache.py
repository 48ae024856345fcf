import dataclasses
import logging
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from mfn.errors import BrokenImageError
from mfn.evaluation.embedding import embed_images
from mfn.evaluation.embedding_cache import EmbeddingCache
from mfn.inference.embedder import FaceEmbedder
from tests.evaluation.tiny import Projection, tiny_embedder
from tests.sources.files import ArraySource

SIZE = (12, 12)


class PowerCutError(Exception):
    """The machine goes down."""


class Counted(ArraySource):
    """Stored images; remembers which were decoded, and fails when it is told to."""

    def __init__(self, count: int = 10, fails_at: int | None = None, broken: tuple[int, ...] = ()) -> None:
        super().__init__([0] * count, SIZE, broken)
        self.fails_at = fails_at
        self.read: list[int] = []

    def image(self, index: int) -> np.ndarray:
        if index == self.fails_at:
            raise PowerCutError
        self.read.append(index)
        return super().image(index)

    def encoded(self, index: int) -> bytes:
        return f"stored {index}".encode()


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
    assert [len(np.load(path)) for path in shards(cache)].count(4) == 2 and len(shards(cache)) == 3


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


class Restyled(Projection):
    """The same weights, used in another way."""

    def forward(self, batch: Tensor) -> Tensor:
        return super().forward(batch).relu()


def test_another_network_contract_or_view_is_not_mixed_up(cache: EmbeddingCache) -> None:
    cache.embed(EMBEDDER, Counted())
    swapped = dataclasses.replace(EMBEDDER.contract, color="BGR")
    for embedder in (
        tiny_embedder(SIZE, seed=1),
        EMBEDDER.with_contract(swapped),
        FaceEmbedder(Restyled(16, 0), EMBEDDER.contract),
    ):
        cache.embed(embedder, other := Counted())
        assert len(other.read) == 10
    cache.embed(EMBEDDER, views := Counted(), flip="sum")
    assert len(views.read) == 10
    threshold = EMBEDDER.with_contract(dataclasses.replace(EMBEDDER.contract, threshold=0.3, threshold_far=1e-3))
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


def test_what_was_there_is_told(cache: EmbeddingCache, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(PowerCutError):
        cache.embed(EMBEDDER, Counted(fails_at=5))
    with caplog.at_level(logging.INFO):
        cache.embed(EMBEDDER, Counted())
    assert "arrays: 4 of 10 images were embedded before" in caplog.text


def test_worker_processes_give_the_same(cache: EmbeddingCache, tmp_path: Path) -> None:
    plain = cache.embed(EMBEDDER, ArraySource([0] * 10, SIZE)).plain
    other = EmbeddingCache(tmp_path / "other", 6)
    np.testing.assert_allclose(
        other.embed(EMBEDDER, ArraySource([0] * 10, SIZE), num_workers=1).plain, plain, atol=1e-5
    )
