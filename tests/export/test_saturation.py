"""int8 files give the same on every processor: no sum of two products is cut off at 16 bits."""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

pytest.importorskip("onnx")
pytest.importorskip("onnxscript", reason="needs onnxscript")

import onnx
from onnx import helper

from mfn.export import quantize_onnx
from mfn.export.integer_prelu import held_integers
from mfn.export.onnx_graph import save_onnx
from mfn.export.quantize_onnx import Int8Options, embed, integer_weights, quantized
from mfn.export.saturation import LARGEST_PAIR, fitting_scales, holds_on, integers, pair_sums
from mfn.export.targets.onnx import OnnxTarget
from mfn.metrics.scores import cosine
from tests.export.networks import faces
from tests.export.shallow import shallow_deployable

EMULATOR = shutil.which("qemu-x86_64") if platform.machine() == "x86_64" else None
SHAPES = [(40, 96, 1, 1), (40, 1, 3, 3), (16, 3, 3, 3), (24, 2, 3, 3), (8, 1, 7, 7), (4, 1, 1, 1)]


def eight_bits(weights: np.ndarray) -> np.ndarray:
    """The usual scales, with which the largest weight of a channel becomes 127."""
    return (np.abs(weights).reshape(len(weights), -1).max(1) / 127).astype(np.float32)


def cut_off(activations: np.ndarray, weights: np.ndarray) -> int:
    """How often ``pmaddubsw`` cuts a sum off: uint8 (..., K) and int8 (O, K), products of neighbours added in int16."""
    even = [
        np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, -values.shape[-1] % 2)]) for values in (activations, weights)
    ]
    pairs, factors = (values.astype(np.int32).reshape(*values.shape[:-1], -1, 2) for values in even)
    sums = np.einsum("pkx,okx->pok", pairs, factors)
    return int(((sums > 32767) | (sums < -32768)).sum())


def weights_of(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Heavy tails, and channels of very different size, one of them zero."""
    random = np.random.default_rng(seed)
    weights = random.standard_t(2, shape) * np.exp(random.normal(size=(shape[0], 1, 1, 1)) * 3)
    weights[0] = 0
    return weights.astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(5))
def test_no_pair_of_fitted_weights_can_saturate(shape: tuple[int, ...], seed: int) -> None:
    weights = weights_of(shape, seed)
    scales = fitting_scales(weights)
    rounded = integers(weights, scales)
    worst = np.array([[255] * rounded[0].size, [255, 0] * (rounded[0].size // 2) + [255] * (rounded[0].size % 2)])
    for rows in (rounded, np.moveaxis(rounded, 1, 3), np.roll(rounded.reshape(len(rounded), -1), 1, 1)[:, 1:]):
        assert cut_off(worst[:, : rows[0].size], np.maximum(rows.reshape(len(rows), -1), 0)) == 0
        assert cut_off(worst[:, : rows[0].size], np.minimum(rows.reshape(len(rows), -1), 0)) == 0
    error = np.abs(rounded * scales[:, None, None, None] - weights)
    assert (error <= scales[:, None, None, None] * 0.5001).all()


def test_channels_lose_no_more_than_they_must() -> None:
    alone = np.full((1, 8, 1, 1), 0.001, np.float32)
    alone[0, 3] = 1  # keeps all bits: its neighbours are small
    beside, opposite = alone.copy(), alone.copy()
    beside[0, 4], opposite[0, 4] = 1, -1
    assert [int(np.abs(integers(w, fitting_scales(w))).max()) for w in (alone, beside, opposite)] == [127, 64, 127]
    many = weights_of((64, 128, 1, 1), 0)[1:]
    assert np.abs(integers(many, fitting_scales(many)).astype(int)).max((1, 2, 3)).mean() > 80


def test_the_bound_is_told_of_the_very_weights() -> None:
    assert holds_on([np.full((2, 4, 1, 1), 64, np.int8)]).startswith(
        "any processor: two neighbouring weights add up to 128"
    )
    assert holds_on([np.full((2, 4, 1, 1), -65, np.int8)]).startswith(
        "VNNI only: two neighbouring weights add up to 130"
    )
    turns = np.array([100, -100, 100, -100], np.int8).reshape(1, 4, 1, 1)  # no two of one sign beside one another
    assert pair_sums(turns) == [100]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file as it is written, and one with the usual scales."""
    folder, paths = tmp_path_factory.mktemp("saturation"), {}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ours", "usual"):
            if name == "usual":
                patch.setattr(quantize_onnx, "fitting_scales", eight_bits)
            paths[name] = folder / f"{name}.onnx"
            options = Int8Options(float_bytes=0)
            save_onnx(quantized(shallow_deployable(precision="int8"), faces(24), options), paths[name])
    return paths


@pytest.mark.slow
def test_what_the_file_is_proven_for_is_read_from_the_file(files: dict[str, Path]) -> None:
    told = {name: OnnxTarget().describe(path).int8_holds_on.partition(":")[0] for name, path in files.items()}
    assert told == {"ours": "any processor", "usual": "VNNI only"}
    largest = {name: max(pair_sums(w).max() for w in integer_weights(onnx.load(path))) for name, path in files.items()}
    assert largest["ours"] <= LARGEST_PAIR < largest["usual"]


def test_nothing_saturates_on_the_activations_of_real_inputs(files: dict[str, Path]) -> None:
    assert saturated(onnx.load(files["ours"])) == 0
    assert saturated(onnx.load(files["usual"])) > 100


@pytest.mark.skipif(EMULATOR is None, reason="needs qemu-user on x86-64, to emulate a processor without VNNI")
def test_the_file_gives_the_same_on_an_emulated_processor_without_vnni(files: dict[str, Path]) -> None:
    there = files["ours"].parent
    images = shallow_deployable(precision="int8").inputs(faces(4)).numpy()
    np.save(there / "images.npy", images)
    script = (
        "import sys, numpy, onnxruntime; path, images, out = sys.argv[1:];"
        "session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider']);"
        "numpy.save(out, session.run(None, {'image': numpy.load(images)})[0])"
    )
    paths = [str(path) for path in (files["ours"], there / "images.npy", there / "out.npy")]
    subprocess.run([str(EMULATOR), "-cpu", "Haswell", sys.executable, "-c", script, *paths], check=True, timeout=500)
    assert cosine(np.load(there / "out.npy"), embed(onnx.load(files["ours"]), images)).min() > 0.9999


def saturated(model: "onnx.ModelProto") -> int:
    """Runs a file and counts the sums that a processor without VNNI would cut off in all of its convolutions."""
    producer = {output: node for node in model.graph.node for output in node.output}
    layers = [node for node in model.graph.node if node.op_type == "Conv"]
    entries = [producer[node.input[0]].input[0] for node in layers]  # what is dequantised: uint8
    looked_at = onnx.ModelProto()
    looked_at.CopyFrom(model)
    del looked_at.graph.output[:]
    looked_at.graph.output.extend(
        helper.make_tensor_value_info(name, onnx.TensorProto.UINT8, None) for name in dict.fromkeys(entries)
    )
    inputs = shallow_deployable(precision="int8").inputs(faces(4)).numpy()
    tensors = dict(zip(dict.fromkeys(entries), run_all(looked_at, inputs), strict=True))
    constants = held_integers(model.graph)
    return sum(
        cut_off_in(node, tensors[entry], constants[producer[node.input[1]].input[0]])
        for node, entry in zip(layers, entries, strict=True)
    )


def run_all(model: "onnx.ModelProto", inputs: np.ndarray) -> list[np.ndarray]:
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return [np.asarray(output) for output in session.run(None, {"image": inputs})]


def cut_off_in(node: "onnx.NodeProto", activations: np.ndarray, weights: np.ndarray) -> int:
    """Of one convolution, channels last as ONNX Runtime has them."""
    options = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    height, width = weights.shape[2:]
    pad, stride, groups = options["pads"][:2], options["strides"], options["group"]
    columns = functional.unfold(torch.from_numpy(activations).float(), (height, width), padding=pad, stride=stride)
    places = columns.reshape(len(activations), groups, -1, height * width, columns.shape[-1])
    total = 0
    for group in range(groups):
        rows = places[:, group].permute(0, 3, 2, 1).reshape(-1, weights.shape[1] * height * width).numpy()
        outputs = len(weights) // groups
        own = np.moveaxis(weights[group * outputs : (group + 1) * outputs], 1, 3).reshape(outputs, -1)
        total += cut_off(rows, own)
    return total
