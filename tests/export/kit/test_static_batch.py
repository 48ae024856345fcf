"""A batch that is left open becomes one."""

import numpy as np
import pytest

from mfn.export.kit.static_batch import for_one_image

onnx = pytest.importorskip("onnx")


def model(batch: int | str) -> bytes:
    """Flattens the image, with the batch read from its shape as exporters write it."""
    from onnx import TensorProto, helper

    values = [
        helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, 4, 4]),
        helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [batch, 48]),
    ]
    nodes = [
        helper.make_node("Relu", ["image"], ["r"]),
        helper.make_node("Flatten", ["r"], ["embedding"], axis=1),
    ]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    made.metadata_props.add(key="mfn.contract", value="{}")
    return made.SerializeToString()


def test_an_open_batch_becomes_one() -> None:
    import onnxruntime

    fixed = for_one_image(model("N"))
    assert fixed is not None and for_one_image(fixed) is None
    found = onnx.load_from_string(fixed)
    shapes = [
        [d.dim_value for d in v.type.tensor_type.shape.dim] for v in (*found.graph.input, *found.graph.value_info)
    ]
    assert shapes == [[1, 3, 4, 4], [1, 3, 4, 4]] and found.metadata_props[0].key == "mfn.contract"
    session = onnxruntime.InferenceSession(fixed)
    image = np.arange(48, dtype=np.float32).reshape(1, 3, 4, 4)
    np.testing.assert_array_equal(session.run(None, {"image": image})[0], image.reshape(1, 48))


def test_a_fixed_batch_stays() -> None:
    assert for_one_image(model(2)) is None
