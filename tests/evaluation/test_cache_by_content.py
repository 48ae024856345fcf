"""Kept embeddings are known by what images are made from: for every source, and whatever it is called."""

import dataclasses
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mfn.benchmarks.bin_pack import read_bin
from mfn.benchmarks.bin_writer import write_bin
from mfn.benchmarks.ijb import read_ijb
from mfn.evaluation.conventions import PlacedFaces, crop_conventions
from mfn.evaluation.embedding import embed_images
from mfn.evaluation.embedding_cache import EmbeddingCache
from mfn.evaluation.ijb import AlignedFaces
from mfn.images.copies import write_copies
from mfn.images.files import ImageFiles
from mfn.sources.fit import Fit, Fitted
from mfn.sources.record_dataset import RecordDataset
from mfn.sources.source import ImageSource
from mfn.sources.subset import Subset
from tests.benchmarks.ijb_files import SIZE as IJB_SIZE
from tests.benchmarks.ijb_files import write_ijb
from tests.evaluation.tiny import tiny_embedder
from tests.sources.files import jpeg, write_pack

SIZE = (16, 16)
EMBEDDER = tiny_embedder(SIZE)
OLD_TIME = (1_600_000_000, 1_600_000_000)


def files(folder: Path, seeds: list[int]) -> ImageFiles:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number}.jpg" for number in range(len(seeds))]
    for path, seed in zip(paths, seeds, strict=True):
        data = jpeg(seed)
        path.write_bytes(data + b"\0" * (2000 - len(data)))  # all of one size, and of one time below
        os.utime(path, OLD_TIME)
    return ImageFiles("same", paths)


def packs(folder: Path, seeds: list[int]) -> ImageSource:
    write_bin(folder / "lfw.bin", [jpeg(seed) for seed in seeds], [True] * (len(seeds) // 2))
    return read_bin(folder / "lfw.bin").source


def records(folder: Path, seeds: list[int]) -> ImageSource:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_pack(folder, {0: len(seeds)}, first_key=seeds[0])
    return RecordDataset(folder)


def some_of(folder: Path, seeds: list[int]) -> ImageSource:
    return Subset("same", files(folder, [99, *seeds]), np.arange(1, len(seeds) + 1))


SOURCES: list[Callable[[Path, list[int]], ImageSource]] = [files, packs, records, some_of]


@pytest.mark.parametrize("make", SOURCES)
@pytest.mark.parametrize("strict", [True, False])
def test_images_replaced_in_place_are_embedded_anew(tmp_path: Path, make, strict: bool) -> None:
    cache = EmbeddingCache(tmp_path / "kept", shard_size=4)
    for seeds in ([0, 1, 2, 3, 4, 5], [7, 8, 9, 10, 11, 12]):
        source = make(tmp_path / "data", seeds)
        expected = embed_images(EMBEDDER, source, strict=strict).plain
        for _ in range(2):
            np.testing.assert_allclose(cache.embed(EMBEDDER, source, strict=strict).plain, expected, atol=1e-5)


@pytest.mark.parametrize("make", SOURCES)
def test_two_sets_of_one_base_name_are_not_mixed_up(tmp_path: Path, make) -> None:
    cache = EmbeddingCache(tmp_path / "kept")
    first, second = make(tmp_path / "a", [0, 1, 2, 3]), make(tmp_path / "b", [4, 5, 6, 7])
    one, two = (cache.embed(EMBEDDER, source).plain for source in (first, second))
    np.testing.assert_allclose(two, embed_images(EMBEDDER, second).plain, atol=1e-5)
    assert not np.allclose(one, two)


def test_one_image_among_many_costs_its_shard_alone(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "kept", shard_size=2)
    cache.embed(EMBEDDER, files(tmp_path / "data", [0, 1, 2, 3, 4]))
    before = {path: path.stat().st_mtime_ns for path in cache.folder.rglob("*.npy")}
    cache.embed(EMBEDDER, files(tmp_path / "data", [0, 1, 2, 77, 4]))
    after = {path: path.stat().st_mtime_ns for path in cache.folder.rglob("*.npy")}
    assert len(before) == 3 and len(after) == 4 and before.items() <= after.items()


def test_the_same_images_under_other_names_are_there_already(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = EmbeddingCache(tmp_path / "kept")
    one = cache.embed(EMBEDDER, packs(tmp_path / "a", [0, 1, 2, 3])).plain
    moved = packs(tmp_path / "elsewhere", [0, 1, 2, 3])
    again = lambda *_, **__: pytest.fail("embedded again")  # noqa: E731
    monkeypatch.setattr("mfn.evaluation.embedding_cache.embed_together", again)
    np.testing.assert_array_equal(cache.embed(EMBEDDER, moved).plain, one)


def test_an_image_that_comes_back_is_not_taken_for_broken(tmp_path: Path) -> None:
    cache, source = EmbeddingCache(tmp_path / "kept"), files(tmp_path / "data", [0, 1, 2])
    Path(source.paths[1]).unlink()
    assert cache.embed(EMBEDDER, source, strict=False).positions.tolist() == [0, 2]
    whole = files(tmp_path / "data", [0, 1, 2])
    assert cache.embed(EMBEDDER, whole, strict=False).positions.tolist() == [0, 1, 2]


def test_landmarks_and_the_crop_they_lead_to_count(tmp_path: Path) -> None:
    write_ijb(tmp_path / "ijb")
    ijb = read_ijb(tmp_path / "ijb")
    cache = EmbeddingCache(tmp_path / "kept")
    embedder = tiny_embedder(IJB_SIZE)
    shifted = np.roll(ijb.landmarks, 1, axis=0)
    for landmarks in (ijb.landmarks, shifted, ijb.landmarks):
        faces = AlignedFaces(ijb.source, landmarks, embedder.contract)
        expected = embed_images(embedder, faces).plain
        np.testing.assert_allclose(cache.embed(embedder, faces).plain, expected, atol=1e-5)
    assert len(list(cache.folder.rglob("*.npy"))) == 2


def test_moved_faces_are_others_than_faces_in_their_place(tmp_path: Path) -> None:
    cache, source = EmbeddingCache(tmp_path / "kept"), files(tmp_path / "data", [0, 1, 2])
    for convention in (None, *crop_conventions(EMBEDDER.contract)):
        faces = source if convention is None else PlacedFaces(source, SIZE, convention.place)
        expected = embed_images(EMBEDDER, faces).plain
        np.testing.assert_allclose(cache.embed(EMBEDDER, faces).plain, expected, atol=1e-5)
    assert len(list(cache.folder.rglob("*.npy"))) == 4


def test_virtual_copies_are_others_than_their_images(tmp_path: Path) -> None:
    write_pack(tmp_path, {0: 2, 1: 2})
    cache = EmbeddingCache(tmp_path / "kept")
    for copies in ([("1", "hsv")], [("1", "gaussian")], [("2", "hsv")]):
        write_copies(tmp_path, copies)
        source = RecordDataset(tmp_path, virtual_copies=True)
        expected = embed_images(EMBEDDER, source).plain
        np.testing.assert_allclose(cache.embed(EMBEDDER, source).plain, expected, atol=1e-5)
    assert len(list(cache.folder.rglob("*.npy"))) == 3


def test_another_size_of_the_contract_counts(tmp_path: Path) -> None:
    cache, source = EmbeddingCache(tmp_path / "kept"), files(tmp_path / "data", [0, 1, 2])
    for size in ((16, 16), (16, 14), (18, 18)):
        fitted = Fitted(source, Fit(size, "resize"))
        embedder = EMBEDDER.with_contract(dataclasses.replace(tiny_embedder(size).contract))
        expected = embed_images(embedder, fitted).plain
        np.testing.assert_allclose(cache.embed(embedder, fitted).plain, expected, atol=1e-5)
