"""LiteRT files without a float, with activations of 16 bits, and with one scale for all weights of a layer."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mfn.errors import ExportError
from mfn.export.kit.board import write_kit
from mfn.export.litert_file import read_model
from mfn.export.litert_integer import float_operators
from mfn.export.metadata import described, usage
from mfn.export.network import Deployable, ExportOptions, deployable
from mfn.export.targets.litert import LiteRTTarget
from mfn.inference.embedder import FaceEmbedder
from mfn.metrics.scores import cosine
from tests.export.networks import CONTRACT, faces, raw
from tests.export.shallow import Shallow, shallow_network

pytest.importorskip("litert_torch", reason="needs litert-torch")

FLOAT16, FLOAT32 = 1, 0


def steep() -> nn.Module:
    """The shallow network with slopes on both sides of 1."""
    network = shallow_network()
    for module in network.modules():
        if isinstance(module, nn.PReLU):
            module.weight.data[::3] = 1.2
    return network


def written(path: Path, network: nn.Module, precision: str, **keys: Any) -> tuple[Deployable, LiteRTTarget]:
    pixels = "uint8" if "integer_only" in keys else "float32"
    target, options = LiteRTTarget(**keys), ExportOptions(precision=precision, input=pixels, color="BGR")
    target.check([precision], options)
    given = described(deployable(network, CONTRACT, options))
    target.export(given, path, faces(24))
    return given, target


@pytest.mark.parametrize(
    ("precision", "keys", "closeness"),
    [
        ("int8", {"integer_only": "uint8", "batch": 2}, 0.98),
        ("int8", {"integer_only": "int8", "per_tensor": True}, 0.95),
        ("w8a16", {"integer_only": "int16"}, 0.99),
    ],
)
def test_a_file_without_a_float(tmp_path: Path, precision: str, keys: dict[str, Any], closeness: float) -> None:
    path, network = tmp_path / "net.tflite", steep()
    given, target = written(path, network, precision, **keys)
    model = read_model(path.read_bytes())
    assert not [tensor.name for tensor in model.subgraphs[0].tensors if tensor.type in (FLOAT16, FLOAT32)]
    assert float_operators(path.read_bytes()) == []
    embedder = FaceEmbedder.load(path)
    assert embedder.contract == given.contract and embedder.network.takes_pixels
    assert cosine(embedder.raw(faces(9)).numpy(), raw(network, faces(9))).mean() > closeness
    made_of = target.describe(path)
    ends, kind = made_of.integers, keys["integer_only"]
    offset = {"uint8": 0, "int8": -128, "int16": 0}[kind]
    assert ends["image"] == {"dtype": kind, "scale": 1.0, "zero_point": offset}
    assert ends["embedding"]["dtype"] == ("int16" if precision == "w8a16" else "int8")
    assert b"mfn.integers" in path.read_bytes() and made_of.batch == str(keys.get("batch", 1))
    scales = [len(t.quantization.scale) for t in model.subgraphs[0].tensors if t.quantization.scale is not None]
    assert (max(scales) == 1) == ("per_tensor" in keys)


def test_the_lines_to_copy_run_and_the_kit_has_the_same_integers(tmp_path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    path, network = tmp_path / "net.tflite", steep()
    given, target = written(path, network, "int8", integer_only="int8")
    text = usage("litert", str(path), given, target.describe(path).integers)
    assert "$" not in text and "- 128" not in text
    lines, names = text.partition("## C++")[0], {"Interpreter": Interpreter, "x": faces(1)[..., ::-1]}
    exec(lines, names)
    kit = write_kit(path, ".tflite", target.describe(path), given, FaceEmbedder.load(path).network, None, 1)
    inputs, found, known = (np.load(kit / "golden" / f"{name}.npy") for name in ("input", "integers", "known"))
    run: Any = names["run"]
    for image, right in zip(inputs, found, strict=True):
        np.testing.assert_array_equal(run(image=image[None])["embedding"][0], right)
    wrong = (kit / "golden" / "names.txt").read_text().split().index("wrong_sign")
    mistaken = run(image=np.load(kit / "golden" / "pixels.npy")[:1, ..., ::-1].view(np.int8))["embedding"]
    assert (
        cosine(mistaken.astype(float) - target.describe(path).integers["embedding"]["zero_point"], known[wrong, :1])
        > 0.999
    )
    assert cosine(np.asarray(names["embedding"]), raw(network, faces(1))).min() > 0.98


@pytest.mark.parametrize(
    ("precision", "keys", "closeness"),
    [("w8a16", {}, 0.999), ("int8", {"per_tensor": True}, 0.95), ("w8a16", {"per_tensor": True}, 0.97)],
)
def test_floats_at_both_ends(tmp_path: Path, precision: str, keys: dict[str, Any], closeness: float) -> None:
    path = tmp_path / "net.tflite"
    _, target = written(path, steep(), precision, **keys)
    assert target.describe(path).integers == {} and not FaceEmbedder.load(path).network.takes_pixels
    assert cosine(FaceEmbedder.load(path).raw(faces(9)).numpy(), raw(steep(), faces(9))).mean() > closeness


def test_an_operator_without_an_integer_form_is_named(tmp_path: Path) -> None:
    class Odd(Shallow):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.sin(super().forward(x))

    torch.manual_seed(0)
    with pytest.raises(ExportError, match=r"no integer form of this network's .*SIN.*integer_only=null"):
        written(tmp_path / "net.tflite", Odd().eval(), "int8", integer_only="uint8")
    assert not (tmp_path / "net.tflite").exists()
