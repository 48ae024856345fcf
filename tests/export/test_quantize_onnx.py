"""int8 ONNX files: integer inside, close to the float network, smaller."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxscript", reason="needs onnxscript")

from mfn.errors import ExportError
from mfn.export.onnx_graph import save_onnx
from mfn.export.quantize_onnx import Int8Options, embed, integer_weights, quantized
from mfn.export.sensitivity import kept_float, layer_costs
from mfn.inference.embedder import FaceEmbedder
from mfn.metrics.scores import cosine
from tests.export.networks import faces, raw
from tests.export.shallow import shallow_deployable, shallow_network


def test_the_costliest_layers_that_fit_stay_float() -> None:
    costs = {"a": 0.5, "b": 0.4, "c": 0.3, "d": 0.0, "e": 0.0}
    sizes = {"a": 10, "b": 100, "c": 20, "d": 1, "e": 1}
    assert kept_float(costs, sizes, 40) == ["a", "c"]  # b does not fit, d costs less than the average
    assert kept_float(costs, sizes, 0) == kept_float({}, {}, 40) == []


def test_the_cost_of_a_layer_is_the_cosine_it_loses() -> None:
    reference = np.eye(2, dtype=np.float32)
    embedded = {"good": reference, "bad": reference[::-1]}
    assert layer_costs(["good", "bad"], embedded.__getitem__, reference) == {"good": 0.0, "bad": 1.0}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ({}, {}),
        ({}, {"float_bytes": 0, "ranges": "entropy"}),
        ({"input": "uint8", "l2_normalize": "true"}, {"float_bytes": 0, "ranges": "percentile"}),
    ],
)
def test_an_integer_file_is_close_to_its_network(tmp_path: Path, options: dict, settings: dict) -> None:
    deployable = shallow_deployable(precision="int8", **options)
    model = quantized(deployable, faces(16), Int8Options(**settings))
    save_onnx(model, tmp_path / "small.onnx")
    embedder = FaceEmbedder.load(tmp_path / "small.onnx")
    seen = faces(24)[16:]
    assert cosine(embedder.raw(seen).numpy(), raw(shallow_network(), seen)).mean() > 0.97
    assert embedder.contract == deployable.contract

    layers, integer = sum(node.op_type == "Conv" for node in model.graph.node), len(integer_weights(model))
    assert integer == layers if settings else 4 < integer < layers


@pytest.mark.slow
def test_equalised_channels_lose_less() -> None:
    deployable = shallow_deployable(precision="int8")
    seen, lost = faces(24), {}
    for balance in (None, 0.6):
        model = quantized(deployable, seen, Int8Options(balance=balance, float_bytes=0))
        embedded = embed(model, deployable.inputs(seen).numpy())
        lost[balance] = 1 - cosine(embedded, raw(shallow_network(), seen)).mean()
    assert lost[0.6] < 0.5 * lost[None]


def test_options_that_make_no_sense() -> None:
    for wrong in ({"ranges": "max"}, {"percentile": 50.0}, {"balance": 1.1}, {"float_bytes": -1}):
        (key, value), *_ = wrong.items()
        with pytest.raises(ExportError, match=rf"target\.onnx\.int8\.{key}={value} must be "):
            Int8Options(**wrong)
