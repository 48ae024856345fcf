"""ExecuTorch files are the network they came from."""

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("executorch", reason="needs ExecuTorch")
pytest.importorskip("torchao", reason="needs torchao")

from mfn.errors import CheckpointError
from mfn.export.targets.executorch import ExecutorchTarget
from mfn.inference.embedder import FaceEmbedder
from mfn.inference.executorch_network import ExecutorchNetwork
from tests.export.networks import faces, raw
from tests.export.shallow import shallow_deployable, shallow_network


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("executorch") / "small.pte"
    ExecutorchTarget(max_batch=4).export(shallow_deployable(), path, None)
    return path


def test_float_files_take_any_number_of_images(plain: Path) -> None:
    embedder = FaceEmbedder.load(plain)
    assert embedder.contract == shallow_deployable().contract  # told by the file itself
    for count in (1, 2, 7):
        np.testing.assert_allclose(embedder.raw(faces(count)), raw(shallow_network(), faces(count)), atol=1e-4)
    description = ExecutorchTarget().describe(plain)
    assert description.batch == "1-4" and description.operators["XnnpackBackend"] == 1


def test_integer_files_with_pixels_inside(tmp_path: Path) -> None:
    path = tmp_path / "small.pte"
    deployable = shallow_deployable(precision="int8", input="uint8", l2_normalize=True)
    ExecutorchTarget(max_batch=1).export(deployable, path, None)
    embedder = FaceEmbedder.load(path)
    assert embedder.network.takes_pixels
    given, expected = embedder.raw(faces(8)).numpy(), raw(shallow_network(), faces(8))
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(np.linalg.norm(given, axis=1), 1, atol=1e-5)
    assert (given * expected).sum(1).min() > 0.99
    assert ExecutorchTarget().describe(path).batch == "1"


def test_networks_survive_another_size_of_the_thread_pool(plain: Path) -> None:
    image = torch.rand(1, 3, 32, 32)
    first = ExecutorchNetwork(plain, threads=1)
    expected = first(image)
    second = ExecutorchNetwork(plain, threads=2)
    for network in (first, second, ExecutorchNetwork(plain, threads=1), first, second):
        np.testing.assert_allclose(network(image), expected, atol=1e-5)


def test_damaged_files_are_named(plain: Path, tmp_path: Path) -> None:
    path = tmp_path / "broken.pte"
    for content in (b"", b"no program at all", plain.read_bytes()[:-5000]):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"broken\.pte cannot be run by ExecuTorch"):
            ExecutorchNetwork(path)
    with pytest.raises(CheckpointError, match=r"none\.pte: No such file"):
        ExecutorchNetwork(tmp_path / "none.pte")
