"""OpenVINO files are the network they came from."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("openvino", reason="needs OpenVINO")

from mfn.errors import CheckpointError
from mfn.export.targets.openvino import OpenvinoTarget
from mfn.inference.embedder import FaceEmbedder
from mfn.metrics.scores import cosine
from tests.export.networks import faces, raw
from tests.export.shallow import shallow_deployable, shallow_network


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-5), ("fp16", 1e-2)])
@pytest.mark.parametrize("options", [{}, {"input": "uint8", "color": "BGR"}])
def test_float_files(tmp_path: Path, precision: str, tolerance: float, options: dict) -> None:
    target, deployable = OpenvinoTarget(), shallow_deployable(precision=precision, **options)
    path = tmp_path / "small.xml"
    assert target.export(deployable, path, None) == [path, tmp_path / "small.bin"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["small.bin", "small.xml"]
    embedder = FaceEmbedder.load(path)
    assert embedder.contract == deployable.contract
    assert embedder.network.takes_pixels == deployable.takes_pixels
    for count in (1, 7):
        expected = raw(shallow_network(), faces(count))
        np.testing.assert_allclose(embedder.raw(faces(count)), expected, atol=tolerance * np.abs(expected).max())
    description = target.describe(path)
    assert description.version == "IR 11" and description.batch == "any"
    assert description.operators["PReLU"] == 6


def test_integer_files(tmp_path: Path) -> None:
    pytest.importorskip("nncf", reason="needs NNCF")
    target, path = OpenvinoTarget(), tmp_path / "small.xml"
    target.export(shallow_deployable(precision="int8"), path, faces(16))
    embedded = FaceEmbedder.load(path).raw(faces(8)).numpy()
    assert cosine(embedded, raw(shallow_network(), faces(8))).mean() > 0.97
    assert target.describe(path).operators["FakeQuantize"] > 5


def test_damaged_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "small.xml"
    OpenvinoTarget().export(shallow_deployable(), path, None)
    graph, weights = path.read_bytes(), path.with_suffix(".bin")
    path.write_bytes(graph[: len(graph) // 2])
    with pytest.raises(CheckpointError, match=r"small\.xml cannot be run"):
        FaceEmbedder.load(path)
    path.write_bytes(b"no graph")
    with pytest.raises(CheckpointError, match=r"small\.xml cannot be run"):
        FaceEmbedder.load(path)
    path.write_bytes(graph)
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(CheckpointError, match=r"small\.xml cannot be run"):
        FaceEmbedder.load(path)
    weights.unlink()
    with pytest.raises(CheckpointError, match=r"small\.bin"):
        FaceEmbedder.load(path)
