"""OpenVINO: Intel's CPUs, GPUs and NPUs."""

import dataclasses
import re
import tempfile
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from mfn.export.equalize import equalized
from mfn.export.network import Deployable
from mfn.export.onnx_graph import onnx_graph
from mfn.export.prelu import PReLUForm
from mfn.export.saturation import holds_on
from mfn.export.target import Description, quiet
from mfn.files.atomic import replacing

_NOT_COUNTED = ("Const", "Parameter", "Result")


class OpenvinoTarget:
    """Writes ``.xml`` with the graph and ``.bin`` with the weights, any batch size, metadata as runtime information.

    Args:
        prelu: How PReLU is written; OpenVINO joins its own PRelu with the convolution before it.
    """

    name = "openvino"
    suffix = ".xml"
    precisions = ("fp32", "fp16", "int8")
    calibrated = ("int8",)
    requires = (("openvino", "openvino"), ("nncf", "openvino"))
    runs_here = True

    def __init__(self, prelu: PReLUForm = "native") -> None:
        self.prelu: PReLUForm = prelu

    def export(self, deployable: Deployable, path: Path, calibration: np.ndarray | None) -> list[Path]:
        """See :class:`mfn.export.target.Target`."""
        precision, weights = deployable.options.precision, path.with_suffix(".bin")
        with quiet():
            if precision == "int8":
                assert calibration is not None
                inputs = deployable.inputs(calibration)
                network = equalized(deployable.network, inputs)
                model = self._converted(dataclasses.replace(deployable, network=network))
                model = _quantized(model, inputs.numpy())
            else:
                model = self._converted(deployable)
            for name, text in deployable.metadata.items():
                model.set_rt_info(text, name.split(".", 1))
            with replacing(weights), replacing(path) as temporary:  # OpenVINO names the weights after the graph
                import_module("openvino").save_model(model, temporary, compress_to_fp16=precision == "fp16")
                temporary.write_bytes(re.sub(rb">\s+<", b"><", temporary.read_bytes()))
        return [path, weights]

    def describe(self, path: Path) -> Description:
        """Layers and version of the graph as the file has them."""
        root = ElementTree.parse(path).getroot()
        layers = [layer.get("type", "") for layer in root.iter("layer")]
        operators = Counter(kind for kind in layers if kind not in _NOT_COUNTED)
        batch = next(root.iter("dim")).text or ""
        proven = holds_on(_integer_weights(path)) if "FakeQuantize" in operators else ""
        return Description(f"IR {root.get('version')}", dict(operators), "any" if batch == "-1" else batch, proven)

    def _converted(self, deployable: Deployable) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "float.onnx"
            path.write_bytes(onnx_graph(deployable, self.prelu).SerializeToString())
            return import_module("openvino").convert_model(path)


def _quantized(model: Any, inputs: np.ndarray) -> Any:
    """Integer convolutions, with weights that cannot saturate on any processor.

    Ranges reach to the extremes: NNCF's own default, the mean of the faces' extremes, clips those of unusual faces.
    """
    nncf = import_module("nncf")
    ranges = nncf.quantization.range_estimator.RangeEstimatorParametersSet.MINMAX
    return nncf.quantize(
        model,
        nncf.Dataset([image[None] for image in inputs]),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(inputs),
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            overflow_fix=nncf.quantization.advanced_parameters.OverflowFix.ENABLE,
            activations_range_estimator_params=ranges,
        ),
    )


def _integer_weights(path: Path) -> list[np.ndarray]:
    """int8 (O, I, height, width) of each convolution but depthwise ones, whose kernels add in 32 bits."""
    found = []
    for layer in import_module("openvino").Core().read_model(path).get_ordered_ops():
        if layer.get_type_name() in ("Convolution", "GroupConvolution"):
            node = layer.input_value(1).get_node()
            while node.get_type_name() != "Constant":
                node = node.input_value(0).get_node()
            weights = node.data.reshape(-1, *node.shape[-3:])
            if weights.dtype == np.int8 and (layer.get_type_name() == "Convolution" or weights.shape[1] > 1):
                found.append(weights)
    return found
