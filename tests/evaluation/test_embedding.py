"""Every source through a network: with worker processes of both kinds, any batch, and networks that give no numbers."""

import io
import logging
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

from mfn.benchmarks.bin_pack import read_bin
from mfn.benchmarks.bin_writer import write_bin
from mfn.benchmarks.ijb import read_ijb
from mfn.benchmarks.verification import VerificationSet
from mfn.contract import InputContract
from mfn.data.evaluation_loader import evaluation_loader
from mfn.errors import ConfigError, DataError
from mfn.evaluation.conventions import PlacedFaces, crop_conventions
from mfn.evaluation.embedding import embed_images
from mfn.evaluation.embedding_cache import EmbeddingCache
from mfn.evaluation.ijb import AlignedFaces
from mfn.evaluation.verification import evaluate_verification
from mfn.images.files import ImageFiles
from mfn.inference.embedder import FaceEmbedder
from mfn.sources.fit import Fit, Fitted
from mfn.sources.record_dataset import RecordDataset
from mfn.sources.source import ImageSource
from mfn.sources.subset import Subset
from mfn.synthetic.dataset import SyntheticFaces
from tests.benchmarks.ijb_files import write_ijb
from tests.evaluation.tiny import Projection, tiny_embedder
from tests.sources.files import ArraySource, jpeg, write_pack

SIZE = (16, 16)


def every_source(folder: Path) -> dict[str, ImageSource]:
    """One of each, of a few images."""
    contract = InputContract.for_size(*SIZE)
    for number in range(3):
        (folder / f"{number}.jpg").write_bytes(jpeg(number))
    files = ImageFiles("files", [folder / f"{number}.jpg" for number in range(3)])
    write_bin(folder / "set.bin", [jpeg(number) for number in range(4)], [True, False])
    write_pack(folder, {0: 2, 1: 1})
    write_ijb(folder / "ijb")
    ijb = read_ijb(folder / "ijb")
    return {
        "files": files,
        "bin": read_bin(folder / "set.bin").source,
        "records": RecordDataset(folder),
        "subset": Subset("subset", files, np.array([2, 0])),
        "aligned": AlignedFaces(ijb.source, ijb.landmarks, contract),
        "placed": PlacedFaces(files, SIZE, crop_conventions(contract)[2].place),
        "fitted": Fitted(SyntheticFaces(2, 1, (32, 32)), Fit(SIZE, "resize")),
    }


@pytest.mark.slow
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_every_source_goes_through_worker_processes(tmp_path: Path, context: str) -> None:
    if context == "fork" and sys.platform == "win32":
        pytest.skip("Windows has no fork")
    sources = every_source(tmp_path)
    chosen = sources if context == "fork" else {name: sources[name] for name in ("bin", "records", "aligned", "placed")}
    for name, source in chosen.items():
        here, there = (
            [batch.images for batch in evaluation_loader(source, SIZE, 2, workers, context)] for workers in (0, 1)
        )
        assert torch.equal(torch.cat(here), torch.cat(there)), name


@pytest.mark.parametrize("batch_size", [1, 2, 3, 1_000_000_000])
def test_any_batch_gives_every_image_once(batch_size: int) -> None:
    source, embedder = ArraySource([0] * 3, SIZE), tiny_embedder(SIZE)
    embedded = embed_images(embedder, source, batch_size=batch_size, flip="sum")
    assert embedded.positions.tolist() == [0, 1, 2] and embedded.mirrored is not None
    np.testing.assert_allclose(embedded.plain, embed_images(embedder, source).plain, atol=1e-5)


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="batch_size=0"):
        embed_images(tiny_embedder(SIZE), ArraySource([0] * 3, SIZE), batch_size=0)


@pytest.mark.parametrize("count", [0, 1])
def test_one_image_or_none(count: int, tmp_path: Path) -> None:
    source, embedder = ArraySource([0] * count, SIZE), tiny_embedder(SIZE)
    for embed in (embed_images, EmbeddingCache(tmp_path).embed):
        if count:
            assert embed(embedder, source).positions.tolist() == [0]
        else:
            with pytest.raises(DataError, match="arrays holds no image that can be read and embedded"):
                embed(embedder, source)


class Sick(Projection):
    """Gives no number for images that are mostly dark, or for all."""

    def __init__(self, value: float, everywhere: bool = False) -> None:
        super().__init__(16, 0)
        self.value, self.everywhere = value, everywhere

    def extra_repr(self) -> str:
        return f"{self.value}, {self.everywhere}"

    def forward(self, batch: Tensor) -> Tensor:
        rows = super().forward(batch)
        dark = (batch.mean((1, 2, 3)) < -0.5) | self.everywhere
        rows[dark, 3] = self.value
        return rows


class Dark(ArraySource):
    """Images of which number 2 is black."""

    def image(self, index: int) -> np.ndarray:
        return np.zeros((*self.size, 3), np.uint8) if index == 2 else super().image(index)


def embedder_of(network: nn.Module) -> FaceEmbedder:
    return FaceEmbedder(network, InputContract.for_size(*SIZE, embedding_dim=16))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("flip", ["none", "sum", "concat"])
def test_an_image_without_a_finite_embedding_is_named(value: float, flip: str, tmp_path: Path) -> None:
    source, sick = Dark([0] * 6, SIZE), embedder_of(Sick(value))
    for embed in (embed_images, EmbeddingCache(tmp_path).embed):
        with pytest.raises(DataError, match="array 2: the network gives NaN or infinity for it"):
            embed(sick, source, flip=flip, batch_size=4)


@pytest.mark.parametrize("kept", [False, True])
def test_where_broken_images_may_be_left_out_so_may_these(
    kept: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source, sick = Dark([0] * 6, SIZE), embedder_of(Sick(float("nan")))
    embed = EmbeddingCache(tmp_path).embed if kept else embed_images
    with caplog.at_level(logging.WARNING):
        embedded = embed(sick, source, strict=False, batch_size=4)
    assert embedded.positions.tolist() == [0, 1, 3, 4, 5] and np.isfinite(embedded.plain).all()
    assert "array 2: the network gives NaN or infinity for it" in caplog.text
    with pytest.raises(DataError, match="holds no image that can be read and embedded"):
        embed(embedder_of(Sick(float("nan"), everywhere=True)), source, strict=False)


def test_a_set_judged_by_a_sick_network_is_told(tmp_path: Path) -> None:
    pairs = np.array([[0, 1], [2, 3], [0, 3], [1, 4]])
    made = VerificationSet("mine", Dark([0] * 6, SIZE), pairs, np.array([1, 1, 0, 0], bool), np.array([0, 1, 0, 1]))
    with pytest.raises(DataError, match="array 2: the network gives NaN"):
        evaluate_verification(embedder_of(Sick(float("nan"))), made)


def test_progress_rate_and_time_left_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    monkeypatch.setattr("mfn.progress.Console", lambda **_: Console(file=text, force_terminal=True, width=120))
    embed_images(tiny_embedder(SIZE), ArraySource([0] * 6, SIZE), batch_size=2)
    assert "arrays" in text.getvalue() and "6/6" in text.getvalue()
    assert "images/s" in text.getvalue() and "0:00:00 left" in text.getvalue()
