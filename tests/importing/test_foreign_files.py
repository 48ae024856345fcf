"""Weights that other people trained, against what their own frameworks computed of them."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from mfn.commands.main import main
from mfn.errors import CheckpointError
from mfn.importing.graph import Graph, Node, layers_of
from mfn.importing.importer import import_file
from mfn.importing.layers import Layer
from mfn.importing.matching import fill, slots_of
from mfn.importing.mxnet_file import read_mxnet, read_params
from mfn.inference.embedder import FaceEmbedder
from mfn.models.count import network_size

IMAGENET = ["--mean", "123.675,116.28,103.53", "--std", "58.395,57.12,57.375"]
FILES = {
    "y1-0000.params": ("y1_golden.npz", "y_mxnet", [], 128, 1_003_136),
    "foamliu_mobilefacenet.pt": ("foamliu_golden.npz", "y", IMAGENET, 128, 999_808),
    "foamliu_MobileFaceNet.onnx": ("foamliu_golden.npz", "y", IMAGENET, 128, 999_808),
    "sirius_mobilefacenet.tflite": ("sirius_golden.npz", "y", ["--mean", "127.5", "--std", "128"], 192, 1_303_424),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_file_gives_its_golden_embeddings(
    name: str, shared: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    golden, key, options, dim, parameters = FILES[name]
    with caplog.at_level("INFO"):
        main(["import", str(shared / "weights" / name), "--output", str(tmp_path / "net.ckpt"), *options])
    assert f"{parameters:,}" in caplog.text and "What went where" in caplog.text
    embedder = FaceEmbedder.load(tmp_path / "net.ckpt")
    assert embedder.contract.embedding_dim == dim
    arrays = np.load(shared / "weights" / golden)
    found = embedder.raw(arrays["x"]).numpy()
    np.testing.assert_allclose(found, arrays[key], atol=2e-5 * np.abs(arrays[key]).max())


def test_mxnets_files_say_which_pixels(shared: Path) -> None:
    found = import_file(shared / "weights" / "y1-0000.params")
    assert (found.mean, found.std) == ((127.5,) * 3, (128.0,) * 3)
    assert network_size(found.network, found.input_size).multiply_adds == 220_965_376


def params_file(path: Path, arrays: dict[str, np.ndarray], form: str) -> None:
    """What mxnet writes, in each of its three forms."""
    content = struct.pack("<QQQ", 0x112, 0, len(arrays))
    for array in arrays.values():
        if form == "v2":
            content += struct.pack("<IiI", 0xF993FAC9, 0, array.ndim) + struct.pack(f"<{array.ndim}q", *array.shape)
        elif form == "v1":
            content += struct.pack("<II", 0xF993FAC8, array.ndim) + struct.pack(f"<{array.ndim}q", *array.shape)
        else:
            content += struct.pack("<I", array.ndim) + struct.pack(f"<{array.ndim}I", *array.shape)
        kind = {np.dtype(np.float32): 0, np.dtype(np.float16): 2}[array.dtype]
        content += struct.pack("<iii", 1, 0, kind) + array.tobytes()
    content += struct.pack("<Q", len(arrays))
    for name in arrays:
        content += struct.pack("<Q", len(name)) + name.encode()
    path.write_bytes(content)


@pytest.mark.parametrize("form", ["v2", "v1", "oldest"])
def test_mxnets_arrays_in_each_form(form: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "arg:w": rng.normal(size=(2, 3, 1, 1)).astype(np.float32),
        "aux:m": rng.normal(size=(5,)).astype(np.float16),
    }
    params_file(tmp_path / "net-0000.params", arrays, form)
    found = read_params(tmp_path / "net-0000.params")
    assert found.keys() == {"w", "m"}
    np.testing.assert_array_equal(found["w"], arrays["arg:w"])
    np.testing.assert_array_equal(found["m"], arrays["aux:m"].astype(np.float64))


@pytest.mark.parametrize("cut", [0, 10, 30, 60, 90])
def test_mxnets_arrays_cut_short(cut: int, tmp_path: Path) -> None:
    params_file(tmp_path / "net-0000.params", {"arg:w": np.zeros((2, 3), np.float32)}, "v2")
    whole = (tmp_path / "net-0000.params").read_bytes()
    (tmp_path / "net-0000.params").write_bytes(whole[:cut])
    with pytest.raises(CheckpointError, match=r"net-0000\.params cannot be read as mxnet's"):
        read_params(tmp_path / "net-0000.params")


def test_mxnets_symbol_is_wanted_and_read(tmp_path: Path) -> None:
    params_file(tmp_path / "net-0007.params", {"arg:w": np.ones((1, 3, 1, 1), np.float32)}, "v2")
    with pytest.raises(CheckpointError, match=r"needs net-symbol\.json beside it"):
        read_mxnet(tmp_path / "net-0007.params")
    (tmp_path / "net-symbol.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"net-symbol\.json cannot be read"):
        read_mxnet(tmp_path / "net-0007.params")
    nodes = [
        {"op": "null", "name": "data", "inputs": []},
        {"op": "null", "name": "w", "inputs": []},
        {"op": "Convolution", "name": "c", "attrs": {"stride": "(2, 2)"}, "inputs": [[0, 0, 0], [1, 0, 0]]},
    ]
    (tmp_path / "net-symbol.json").write_text(json.dumps({"nodes": nodes, "heads": [[2, 0, 0]]}))
    (layer,) = layers_of(read_mxnet(tmp_path / "net-0007.params")).layers
    assert (layer.kind, layer.stride) == ("conv", 2)


ONE = {"stride": 1, "padding": 0, "same": False}


def activation_graph(*nodes: Node, **constants: np.ndarray | float) -> Graph:
    """A convolution, then what is to be recognised, then another."""
    weights = {"w1": np.ones((2, 3, 1, 1)), "w2": np.ones((1, 2, 1, 1))}
    first, last = Node("conv", "first", ("image", "w1"), "x", ONE), Node("conv", "last", ("y", "w2"), "z", ONE)
    given = {name: np.asarray(value, np.float64) for name, value in constants.items()}
    return Graph([last, *nodes, first], {**weights, **given}, "image", "z")


SLOPES = np.array([0.25, -0.5])
FORMS = {
    "one operator": ([Node("prelu", "p", ("x", "s"), "y")], {"s": SLOPES}, "prelu"),
    "relu(x) + s * (x - |x|) / 2": (
        [
            Node("relu", "r", ("x",), "r"),
            Node("abs", "a", ("x",), "a"),
            Node("sub", "d", ("x", "a"), "d"),
            Node("mul", "m", ("s", "d"), "m"),
            Node("mul", "h", ("m", "half"), "h"),
            Node("add", "y", ("r", "h"), "y"),
        ],
        {"s": SLOPES, "half": 0.5},
        "prelu",
    ),
    "relu(x) - s * relu(-x)": (
        [
            Node("relu", "r", ("x",), "r"),
            Node("neg", "n", ("x",), "n"),
            Node("relu", "q", ("n",), "q"),
            Node("mul", "m", ("q", "s"), "m"),
            Node("sub", "y", ("r", "m"), "y"),
        ],
        {"s": SLOPES},
        "prelu",
    ),
    "max(x, 0) + s * min(x, 0)": (
        [
            Node("maximum", "r", ("x", "zero"), "r"),
            Node("minimum", "q", ("x", "zero"), "q"),
            Node("mul", "m", ("q", "s"), "m"),
            Node("add", "y", ("r", "m"), "y"),
        ],
        {"s": SLOPES, "zero": 0.0},
        "prelu",
    ),
    "clip": ([Node("clip", "c", ("x", "low", "high"), "y")], {"low": 0.0, "high": 6.0}, "relu6"),
    "relu": ([Node("relu", "c", ("x",), "y")], {}, "relu"),
    "factor and bias": (
        [Node("mul", "m", ("x", "s"), "m"), Node("add", "y", ("m", "half"), "y")],
        {"s": SLOPES, "half": 0.5},
        "bn",
    ),
    "nothing": ([Node("same", "n", ("x",), "y")], {}, None),
}


@pytest.mark.parametrize("form", FORMS)
def test_an_activation_is_known_by_what_it_does(form: str) -> None:
    nodes, constants, kind = FORMS[form]
    layers = layers_of(activation_graph(*nodes, **constants)).layers
    between = [layer for layer in layers if layer.kind != "conv"]
    assert [layer.kind for layer in between] == ([] if kind is None else [kind])
    if kind in ("prelu", "bn"):
        np.testing.assert_allclose(between[0].weight, SLOPES)
    if kind == "bn":
        np.testing.assert_allclose(between[0].bias, 0.5)


@pytest.mark.parametrize(
    ("nodes", "says"),
    [
        ([Node("mul", "y", ("x", "x"), "y")], "no activation that a network known here has"),
        ([Node("softmax", "y", ("x",), "y")], r"is of a kind \(softmax\)"),
        ([Node("relu", "r", ("y",), "q"), Node("relu", "y", ("q",), "y")], "circle"),
        ([], "nothing in it gives y"),
    ],
)
def test_graphs_that_no_network_here_has(nodes: list[Node], says: str) -> None:
    with pytest.raises(CheckpointError, match=says):
        layers_of(activation_graph(*nodes))


@pytest.mark.parametrize(
    ("word", "value", "told"),
    [
        ("--mean", "1,2", "--mean=1,2 must be one number, or three"),
        ("--std", "1,2", "--std=1,2 must be one number, or three"),
        ("--mean", "0.485,0.456,0.406", "contract.mean must be three numbers for pixels of 0 to 255 (0.485 of"),
        ("--std", "0.229,0.224,0.225", "contract.std must be three numbers of at least 1 for pixels of 0 to 255"),
    ],
)
def test_a_number_that_is_none(
    word: str, value: str, told: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from tests.importing.test_round_trips import VARIANTS, trained

    torch.save(trained(VARIANTS["half as wide"]).state_dict(), tmp_path / "net.pt")
    with pytest.raises(SystemExit):
        main(["import", str(tmp_path / "net.pt"), "--output", str(tmp_path / "net.ckpt"), word, value])
    assert told in caplog.text
    assert not (tmp_path / "net.ckpt").exists()


def test_what_was_assumed_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from tests.importing.test_round_trips import VARIANTS, trained

    torch.save(trained(VARIANTS["relu6"]).state_dict(), tmp_path / "net.pt")
    with caplog.at_level("INFO"):
        main(["import", str(tmp_path / "net.pt"), "--output", str(tmp_path / "net.ckpt")])
    assert "a mean and a std of 127.5 (--mean, --std)" in caplog.text and "RGB" in caplog.text
    assert "activation=relu6" in caplog.text
    caplog.clear()
    with caplog.at_level("INFO"):
        main(["import", str(tmp_path / "net.pt"), "--output", str(tmp_path / "net.ckpt"), "--std", "128"])
    assert "taken to have: a mean of 127.5 (--mean); colours" in caplog.text
    caplog.clear()
    words = ["--mean", "127.5", "--std", "128", "--color", "BGR", "--activation", "relu6"]
    with caplog.at_level("INFO"):
        main(["import", str(tmp_path / "net.pt"), "--output", str(tmp_path / "net.ckpt"), *words])
    assert "does not say" not in caplog.text
    contract = FaceEmbedder.load(tmp_path / "net.ckpt").contract
    assert (contract.color, contract.std) == ("BGR", (128.0,) * 3)


@pytest.mark.parametrize(
    ("layer", "says"),
    [({"stride": 2}, "has a stride of 2, .* of 1"), ({"padding": 0}, "has a padding of 0, .* of 1")],
)
def test_a_convolution_of_the_same_shape_that_steps_or_pads_otherwise_is_told(layer: dict, says: str) -> None:
    slots = slots_of(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, 1, 1)), (8, 8))
    same = {"stride": 1, "padding": 1}
    fill(slots, [Layer("conv", "c", np.ones((4, 3, 3, 3)), np.zeros(4), **same)])
    with pytest.raises(CheckpointError, match=says):
        fill(slots, [Layer("conv", "c", np.ones((4, 3, 3, 3)), np.zeros(4), **{**same, **layer})])


def test_a_linear_layer_over_rows_first_features_takes_them_in_our_order() -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 1), torch.nn.Flatten(), torch.nn.Linear(5 * 2 * 3, 4)).eval()
    conv, linear = (network[index].weight.detach().double().numpy() for index in (0, 2))
    rows_first = linear.reshape(4, 5, 2, 3).transpose(0, 2, 3, 1).reshape(4, -1)
    images = torch.randn(2, 3, 2, 3)
    expected = network(images)
    layers = [
        Layer("conv", "c", conv, network[0].bias.detach().double().numpy()),
        Layer("linear", "l", rows_first, network[2].bias.detach().double().numpy(), rows_last=True),
    ]
    network[2].weight.data.zero_()
    fill(slots_of(network, (2, 3)), layers)
    torch.testing.assert_close(network(images), expected)
