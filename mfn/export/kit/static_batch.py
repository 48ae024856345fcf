"""An ONNX file for exactly one image: many NPU tools refuse, or misread, a batch that is left open."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx


def for_one_image(content: bytes) -> bytes | None:
    """The same network with a batch of 1, its shapes written down; metadata and weights stay.

    Args:
        content: Of an ``.onnx`` file with the weights inside.

    Returns:
        The content of another file; None where the batch is fixed already.
    """
    import onnx
    from onnx.shape_inference import infer_shapes

    model = onnx.load_from_string(content)
    if all(value.type.tensor_type.shape.dim[0].HasField("dim_value") for value in model.graph.input):
        return None
    for value in (*model.graph.input, *model.graph.output):
        _fix(value)
    del model.graph.value_info[:]  # of the open batch
    return infer_shapes(model, strict_mode=True).SerializeToString()


def _fix(value: "onnx.ValueInfoProto") -> None:
    value.type.tensor_type.shape.dim[0].dim_value = 1
