"""Files of base formats give the network's embeddings when loaded again."""

import json
import zipfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from mfn.errors import CheckpointError
from mfn.export.metadata import described, write_metadata
from mfn.export.onnx_graph import save_onnx
from mfn.export.targets.onnx import OnnxTarget, half_arithmetic, half_weights
from mfn.export.targets.torch_export import TorchExportTarget
from mfn.export.targets.torchscript import TorchScriptTarget
from mfn.inference.embedder import FaceEmbedder
from tests.export.networks import faces, raw, small_deployable, small_network

TARGETS = {"onnx": OnnxTarget, "torchscript": TorchScriptTarget, "torch_export": TorchExportTarget}


OPTIONS: list[dict] = [{}, {"input": "uint8", "color": "BGR", "l2_normalize": True}]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], Path]:
    """Writes each file once, since exporters take seconds."""

    @lru_cache
    def write(name: str, options: int) -> Path:
        if name == "onnx":
            pytest.importorskip("onnxscript", reason="needs the ONNX exporter")
        target = TARGETS[name]()
        path = tmp_path_factory.mktemp("files") / f"net{target.suffix}"
        assert target.export(small_deployable(**OPTIONS[options]), path, None) == [path]
        return path

    return write


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("options", range(len(OPTIONS)))
def test_a_file_gives_what_the_network_gives_for_any_number_of_faces(
    written: Callable[[str, int], Path], name: str, options: int
) -> None:
    path = written(name, options)
    embedder = FaceEmbedder.load(path, trust_torchscript=True)  # with the contract inside: there is no JSON beside it
    assert embedder.contract == small_deployable(**OPTIONS[options]).contract
    images = faces(7)
    expected = raw(small_network(), images)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    for count in (1, 2, 7):
        np.testing.assert_allclose(embedder(images[:count]), expected[:count], atol=1e-4)
    made_of = TARGETS[name]().describe(path)
    assert made_of.batch == "any"
    assert sum(count for operator, count in made_of.operators.items() if "conv" in operator.lower()) == 50


@pytest.mark.slow
def test_onnx_names_metadata_and_operators(written: Callable[[str, int], Path]) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(written("onnx", 0))
    assert ([i.name for i in model.graph.input], [o.name for o in model.graph.output]) == (["image"], ["embedding"])
    assert {p.key: p.value for p in model.metadata_props} == small_deployable().metadata
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)
    assert "PRelu" not in {node.op_type for node in model.graph.node}


@pytest.mark.parametrize(("half", "cosine"), [(half_weights, 0.999), (half_arithmetic, 0.99)])
def test_half_precision_halves_the_file(
    written: Callable[[str, int], Path], tmp_path: Path, half: Callable, cosine: float
) -> None:
    onnx, whole, small = pytest.importorskip("onnx"), written("onnx", 0), tmp_path / "half.onnx"
    save_onnx(half(onnx.load(whole)), small)
    assert small.stat().st_size < 0.75 * whole.stat().st_size
    one, other = (FaceEmbedder.load(path)(faces()) for path in (whole, small))
    assert (one * other).sum(1).min() > cosine


def test_metadata_beside_the_file(tmp_path: Path) -> None:
    made = described(small_deployable(), {"recipe": "by hand", "data": "cartoons"})
    beside = write_metadata(tmp_path / "net.pte", made, proof={"bytes": 3})
    content = json.loads(beside.read_text())
    assert content["contract"] == made.contract.to_dict()
    assert (content["recipe"], content["proof"], content["input"]) == ("by hand", {"bytes": 3}, "float32")
    assert beside.name == "net.pte.json"


@pytest.mark.parametrize("name", ["net.pt", "net.pt2"])
def test_files_that_are_no_networks_are_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"no network at all")
    with pytest.raises(CheckpointError, match=name):
        FaceEmbedder.load(tmp_path / name)


def test_a_program_with_a_pickle_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "net.pt2", "w") as archive:
        archive.writestr("net/data/weights/model.pt", b"\x80\x04.")
    with pytest.raises(CheckpointError, match=r"data/weights/model\.pt, which loading would run"):
        FaceEmbedder.load(tmp_path / "net.pt2")


def test_core_ml_is_for_a_mac(tmp_path: Path) -> None:
    (tmp_path / "net.mlpackage").mkdir()
    with pytest.raises(CheckpointError, match="only on a Mac"):
        FaceEmbedder.load(tmp_path / "net.mlpackage")
