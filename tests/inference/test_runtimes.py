"""Files of every runtime give what PyTorch would."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from mfn.errors import CheckpointError, ConfigError
from mfn.inference.embedder import FaceEmbedder
from mfn.inference.fixed_batch import in_fixed_batches
from tests.inference.onnx_files import CONTRACT, write_onnx

PIXELS = np.random.default_rng(0).integers(0, 256, (5, CONTRACT.height, CONTRACT.width, 3), np.uint8)
MEANS = PIXELS.reshape(5, -1, 3).mean(1)


@pytest.mark.parametrize("batch", ["batch", 1, 2, 5, 7])
@pytest.mark.parametrize("rows_last", [False, True])
def test_onnx_takes_any_number_of_images_in_either_layout(tmp_path: Path, batch: int | str, rows_last: bool) -> None:
    embedder = FaceEmbedder.load(write_onnx(tmp_path / "net.onnx", batch=batch, rows_last=rows_last))
    expected = (MEANS - CONTRACT.mean) / CONTRACT.std
    np.testing.assert_allclose(embedder.raw(PIXELS).numpy(), expected, rtol=1e-5)
    assert np.linalg.norm(embedder(PIXELS, flip=True), axis=1) == pytest.approx(np.ones(5))


def test_a_file_that_takes_pixels_gets_them_in_its_colour_order(tmp_path: Path) -> None:
    bgr = dataclasses.replace(CONTRACT, color="BGR")
    embedder = FaceEmbedder.load(write_onnx(tmp_path / "net.onnx", kind=TensorProto.UINT8, contract=bgr))
    np.testing.assert_allclose(embedder.raw(PIXELS).numpy(), MEANS[:, ::-1], rtol=1e-5)
    with pytest.raises(ConfigError, match="inside"):
        embedder.with_contract(dataclasses.replace(bgr, std=(1.0, 1.0, 1.0)))


def test_half_precision_inputs(tmp_path: Path) -> None:
    embedder = FaceEmbedder.load(write_onnx(tmp_path / "net.onnx", kind=TensorProto.FLOAT16))
    np.testing.assert_allclose(embedder.raw(PIXELS).numpy(), (MEANS - CONTRACT.mean) / CONTRACT.std, rtol=1e-2)


def test_the_last_batch_is_filled_up_and_cut() -> None:
    seen = []
    images = np.arange(5.0)[:, None]
    out = in_fixed_batches(lambda part: (seen.append(len(part)), 2 * part)[1], images, 2)
    assert seen == [2, 2, 2] and out.tolist() == (2 * images).tolist()


@pytest.mark.parametrize(
    ("file", "golden", "stated"),
    [
        (
            "foamliu_MobileFaceNet.onnx",
            "foamliu_golden.npz",
            {"color": "RGB", "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]},
        ),
        (
            "sirius_mobilefacenet.tflite",
            "sirius_golden.npz",
            {"color": "RGB", "mean": [127.5] * 3, "std": [128.0] * 3},
        ),
    ],
)
def test_networks_of_others_give_their_reference_embeddings(shared: Path, file: str, golden: str, stated: dict) -> None:
    if file.endswith("tflite"):
        pytest.importorskip("ai_edge_litert", reason="needs the LiteRT runtime")
    reference = np.load(shared / "weights" / golden)
    embeddings = FaceEmbedder.load(shared / "weights" / file, stated).raw(reference["x"]).numpy()
    scale = np.abs(reference["y"]).max()
    np.testing.assert_allclose(embeddings / scale, reference["y"] / scale, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "words"),
    [("net.onnx", "cannot be run as ONNX"), ("net.tflite", "TFLite|LiteRT"), ("net.xyz", "expected a file of")],
)
def test_files_that_are_no_networks_are_named(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).write_bytes(b"no network at all")
    with pytest.raises(CheckpointError, match=words) as told:
        FaceEmbedder.load(tmp_path / name)
    assert name in str(told.value)
