"""LiteRT files: one operator for each PReLU, small, and int8 that gives the network's embeddings."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mfn.errors import CheckpointError, ExportError
from mfn.export.litert_convert import builtin_prelu, float_model
from mfn.export.litert_file import count_operators
from mfn.export.litert_quantize import dynamic_int8, full_int8, half
from mfn.export.litert_ranges import activation_ranges, embeddings
from mfn.export.litert_sensitivity import Int8Options, calibrated_int8
from mfn.export.metadata import described
from mfn.export.network import Deployable, ExportOptions, deployable, folded
from mfn.export.targets.litert import LiteRTTarget
from mfn.inference.embedder import FaceEmbedder
from mfn.metrics.scores import cosine
from tests.export.networks import CONTRACT, faces, raw
from tests.export.shallow import Shallow

pytest.importorskip("litert_torch", reason="needs litert-torch")


def small() -> nn.Module:
    torch.manual_seed(0)
    network = Shallow()
    for module in network.modules():
        if isinstance(module, nn.PReLU):
            nn.init.uniform_(module.weight, -0.5, 0.5)
    with torch.no_grad():
        for _ in range(30):
            network.train()(CONTRACT.normalize(torch.from_numpy(faces(24))))
    return network.eval()


def made(**options: Any) -> Deployable:
    return described(deployable(small(), CONTRACT, ExportOptions(**options)))


@pytest.fixture(scope="module")
def content() -> bytes:
    return float_model(made().network, made().example())


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """What the file takes."""
    return made().inputs(faces(24)).permute(0, 2, 3, 1).numpy()


def test_each_prelu_is_one_operator_and_batch_normalisation_is_gone(content: bytes, images: np.ndarray) -> None:
    layers = {"CONV_2D": 7, "DEPTHWISE_CONV_2D": 3, "PRELU": 6, "ADD": 1}
    assert count_operators(content) == layers | {"PAD": 2, "RESHAPE": 1}
    np.testing.assert_allclose(embeddings(content, images), raw(small(), faces(24)), atol=1e-4)


def test_litert_torch_is_left_as_it_was() -> None:
    from litert_torch.backend.lowerings.registry import global_registry
    from litert_torch.fx_infra import decomp

    tables = (decomp._pre_convert_decomp, decomp._pre_lower_decomp, global_registry.registered_ops)
    before = [dict(table) for table in tables]
    with pytest.raises(ZeroDivisionError), builtin_prelu():
        assert torch.ops.aten._prelu_kernel.default in global_registry.registered_ops
        raise ZeroDivisionError
    assert [dict(table) for table in tables] == before


def test_another_litert_torch_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from litert_torch.fx_infra import decomp

    monkeypatch.delattr(decomp, "_pre_lower_decomp")
    with pytest.raises(ExportError, match=r"pip install 'mobilefacenet\[litert\]'"), builtin_prelu():
        pass


def test_smaller_weights_give_the_same_embeddings(content: bytes, images: np.ndarray) -> None:
    wanted = embeddings(content, images)
    for smaller, closeness in ((half(content), 0.9999), (dynamic_int8(content), 0.99)):
        assert len(smaller) < len(content)
        assert cosine(embeddings(smaller, images), wanted).mean() > closeness


def test_full_int8_leaves_nothing_but_prelu_in_float(content: bytes, images: np.ndarray) -> None:
    ranges = activation_ranges(content, images, coverage=1)
    assert ranges["image"] == (images.min(), images.max())
    operators = count_operators(full_int8(content, ranges))
    assert operators["DEQUANTIZE"] == operators["QUANTIZE"] == operators["PRELU"] + 1  # and the file's two ends


def test_a_range_holds_its_share_of_the_images(content: bytes, images: np.ndarray) -> None:
    lowest = images.min((1, 2, 3))
    for coverage, low in ((1, lowest.min()), (0.75, np.quantile(lowest, 0.25))):
        assert activation_ranges(content, images, coverage)["image"][0] == pytest.approx(low)


def test_a_layer_that_does_not_bear_int8_is_found_and_kept_in_float(images: np.ndarray) -> None:
    network = folded(small())
    weights = network.state_dict()
    # Far below zero, where PReLU makes nothing of it
    weights["features.0.conv.bias"][0], weights["features.0.act.weight"][0] = -1e4, 0
    content = float_model(network, made().example())
    wanted = embeddings(content, images)
    bad, good = (
        calibrated_int8(content, images, Int8Options(target_cosine=0.98, max_float_layers=most)) for most in (0, 3)
    )
    assert cosine(embeddings(bad, images), wanted).mean() < 0.9
    assert cosine(embeddings(good, images), wanted).mean() > 0.98


def test_a_full_int8_file_takes_pixels_and_gives_unit_length(tmp_path: Path) -> None:
    given = made(precision="int8", input="uint8", l2_normalize=True, color="BGR")
    path, target = tmp_path / "net.tflite", LiteRTTarget(batch=2)
    assert target.export(given, path, faces(24)) == [path]
    embedder = FaceEmbedder.load(path)  # with the contract inside: there is no JSON beside it
    assert embedder.contract == given.contract and embedder.network.takes_pixels
    embedded = embedder.raw(faces(5)).numpy()
    np.testing.assert_allclose(np.linalg.norm(embedded, axis=1), 1, atol=1e-5)
    assert cosine(embedded, raw(small(), faces(5))).mean() > 0.97
    told = target.describe(path)
    assert (told.batch, told.version, told.operators["PRELU"]) == ("2", "TFLite 3", 6)


def test_the_file_has_plain_names_and_the_metadata(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ai_edge_litert.interpreter import Interpreter

    path, given = tmp_path / "net.tflite", made()
    monkeypatch.setattr("mfn.export.targets.litert.float_model", lambda *_: content)
    LiteRTTarget().export(given, path, None)
    signature = Interpreter(str(path)).get_signature_runner()
    assert list(signature.get_input_details()) == ["image"] and list(signature.get_output_details()) == ["embedding"]
    written = path.read_bytes()
    assert all(text.encode() in written for text in given.metadata.values())
    path.write_bytes(written[: len(written) // 2])
    with pytest.raises(CheckpointError, match=r"net\.tflite cannot be run as TFLite"):
        FaceEmbedder.load(path)
