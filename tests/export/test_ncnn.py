"""ncnn files are the network they came from, in float and in int8."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ncnn", reason="needs ncnn")
pytest.importorskip("pnnx", reason="needs pnnx")

from mfn.errors import CheckpointError, ExportError
from mfn.export.metadata import write_metadata
from mfn.export.ncnn_int8 import Depthwise, least_error_reach
from mfn.export.targets.ncnn import NcnnTarget
from mfn.inference.embedder import FaceEmbedder
from mfn.inference.ncnn_file import read_ncnn, write_ncnn
from mfn.inference.ncnn_network import NcnnNetwork
from tests.export.networks import faces, raw
from tests.export.shallow import shallow_deployable, shallow_network

PIXELS_INSIDE = {"input": "uint8", "color": "BGR", "l2_normalize": True}


def written(folder: Path, depthwise: Depthwise = "float", **options: object) -> Path:
    path, deployable = folder / "small.param", shallow_deployable(**options)
    assert NcnnTarget(depthwise=depthwise).export(deployable, path, faces(16)) == [path, folder / "small.bin"]
    write_metadata(path, deployable)
    return path


def unit(embeddings: np.ndarray) -> np.ndarray:
    return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-5), ("fp16", 1e-2)])
@pytest.mark.parametrize("options", [{}, PIXELS_INSIDE])
def test_float_files(tmp_path: Path, precision: str, tolerance: float, options: dict) -> None:
    path = written(tmp_path, precision=precision, **options)
    embedder = FaceEmbedder.load(path)
    assert embedder.network.takes_pixels == bool(options)
    expected = raw(shallow_network(), faces(3))
    expected = unit(expected) if options else expected
    np.testing.assert_allclose(embedder.raw(faces(3)), expected, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize(
    ("options", "depthwise", "kind"),
    [
        ({}, "float", "ConvolutionDepthWise"),
        (PIXELS_INSIDE, "float", "ConvolutionDepthWise"),
        (PIXELS_INSIDE, "int8", "ConvolutionDepthWise int8"),
    ],
)
def test_integer_files(tmp_path: Path, options: dict, depthwise: Depthwise, kind: str) -> None:
    path = written(tmp_path, depthwise, precision="int8", **options)
    given, expected = FaceEmbedder.load(path).raw(faces(8)).numpy(), raw(shallow_network(), faces(8))
    assert (unit(given) * unit(expected)).sum(1).min() > 0.97
    kinds = NcnnTarget().describe(path).operators
    assert kinds["Convolution int8"] == 7 and kinds[kind] == 3


def test_files_are_read_and_written_as_they_were(tmp_path: Path) -> None:
    path = written(tmp_path, precision="fp16", **PIXELS_INSIDE)
    again = tmp_path / "again.param"
    write_ncnn(read_ncnn(path, path.with_suffix(".bin")), again, again.with_suffix(".bin"))
    assert again.read_text() == path.read_text()
    assert again.with_suffix(".bin").read_bytes() == path.with_suffix(".bin").read_bytes()


def test_layers_with_unknown_arrays_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_text(path.read_text().replace("PReLU ", "Novel "))
    with pytest.raises(ExportError, match="layers that mfn does not know"):
        read_ncnn(path, path.with_suffix(".bin"))


def test_reach_cuts_off_what_is_rare() -> None:
    values = np.abs(np.random.default_rng(0).normal(size=100_000))
    assert least_error_reach(values) > 0.7 * values.max()
    # Rounding costs (reach / 127)^2 / 12 for each value, cutting off (12 - reach)^2 for the one
    best = 12 / (1 + len(values) / (12 * 127**2))
    assert least_error_reach(np.append(values, 12.0)) == pytest.approx(best, abs=0.3)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    path = written(tmp_path)
    text, weights = path.read_text(), path.with_suffix(".bin")
    for broken in ("", "no network", text[: len(text) // 2], text.replace("7767517", "7767518")):
        path.write_text(broken)
        with pytest.raises(CheckpointError, match=r"small\.param is no complete ncnn network"):
            NcnnNetwork(path)
    path.write_text(text.replace("PReLU ", "Novel "))
    with pytest.raises(CheckpointError, match=r"small\.param and small\.bin cannot be run"):
        NcnnNetwork(path)
    path.write_text(text)
    weights.write_bytes(weights.read_bytes()[:-40])
    with pytest.raises(CheckpointError, match=r"small\.param and small\.bin cannot be run"):
        NcnnNetwork(path)
    weights.unlink()
    with pytest.raises(CheckpointError, match=r"small\.bin: No such file"):
        NcnnNetwork(path)
