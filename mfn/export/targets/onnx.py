"""ONNX: one file for ONNX Runtime on phones, servers and in browsers."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from mfn.export.network import Deployable
from mfn.export.onnx_graph import onnx_graph, save_onnx
from mfn.export.prelu import PReLUForm
from mfn.export.quantize_onnx import Int8Options, integer_weights, quantized
from mfn.export.saturation import holds_on
from mfn.export.target import Description, expect

if TYPE_CHECKING:
    import onnx

OLDEST, NEWEST = 10, 23
"""Versions of the operators that may be asked for."""
SMALL = 512
"""Constants up to so many numbers, biases and slopes, are not worth a node that casts them."""


class OnnxTarget:
    """Writes ``.onnx``: weights inside, any batch size.

    Args:
        prelu: How PReLU is written.
        opset: Asked for; read back from the file for the proof.
        fp16: ``"weights"``: kept in float16, arithmetic in float32, as fast as fp32 on a CPU; ``"all"``: arithmetic in
            float16 too, for GPUs, slower on an x86 CPU.
        int8: How int8 is made.
    """

    name = "onnx"
    suffix = ".onnx"
    precisions = ("fp32", "fp16", "int8")
    calibrated = ("int8",)
    requires = (("onnx", ""), ("onnxscript", ""), ("onnxruntime", ""))
    runs_here = True

    def __init__(
        self,
        prelu: PReLUForm = "relu",
        opset: int = 18,
        fp16: Literal["weights", "all"] = "weights",
        int8: Int8Options | None = None,
    ) -> None:
        expect(f"target.onnx.opset={opset}", f"from {OLDEST} to {NEWEST}", OLDEST <= opset <= NEWEST)
        self.prelu: PReLUForm = prelu
        self.opset = opset
        self.fp16 = fp16
        self.int8 = int8 or Int8Options()

    def export(self, deployable: Deployable, path: Path, calibration: np.ndarray | None) -> list[Path]:
        """See :class:`mfn.export.target.Target`."""
        save_onnx(self._model(deployable, calibration), path)
        return [path]

    def describe(self, path: Path) -> Description:
        """Operators, opset and batch as the file has them."""
        import onnx

        model = onnx.load(path)
        opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
        batch = model.graph.input[0].type.tensor_type.shape.dim[0]
        operators = Counter(node.op_type for node in model.graph.node)
        integer = integer_weights(model)
        proven = holds_on(integer) if integer else ""
        return Description(f"opset {opset}", dict(operators), str(batch.dim_value or "any"), proven)

    def _model(self, deployable: Deployable, calibration: np.ndarray | None) -> "onnx.ModelProto":
        if deployable.options.precision == "int8":
            assert calibration is not None  # int8 is among `calibrated`
            return quantized(deployable, calibration, self.int8)
        model = onnx_graph(deployable, self.prelu, self.opset)
        if deployable.options.precision == "fp16":
            return half_weights(model) if self.fp16 == "weights" else half_arithmetic(model)
        return model


def half_arithmetic(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """The same network with weights and arithmetic in float16, input and output as they were."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    return convert_float_to_float16(model, keep_io_types=True)


def half_weights(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """The model itself, its weights in float16 and cast to float32 once, when the file is loaded."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size > SMALL:
            name = tensor.name
            values = values.astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(values, f"{name}.half"))
            casts.append(helper.make_node("Cast", [tensor.name], [name], name=f"{name}.cast", to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model
