"""LiteRT (TFLite): Android, and wherever its runtime is."""

from pathlib import Path

import numpy as np

from mfn.export.litert_convert import float_model
from mfn.export.litert_file import INT8, count_operators, read_model, with_metadata
from mfn.export.litert_quantize import dynamic_int8, half
from mfn.export.litert_sensitivity import Int8Options, calibrated_int8
from mfn.export.network import Deployable
from mfn.export.saturation import widened
from mfn.export.target import Description, expect
from mfn.files.atomic import replacing


class LiteRTTarget:
    """Writes ``.tflite``: images (batch, H, W, 3), rows last, a fixed number of them.

    ``int8`` works in int8 wherever the runtime is fast at it, ``dynamic_int8`` needs no calibration images.

    Args:
        batch: Images that the file takes at a time.
        int8: How int8 is made.
    """

    name = "litert"
    suffix = ".tflite"
    precisions = ("fp32", "fp16", "dynamic_int8", "int8")
    calibrated = ("int8",)
    requires = (("litert_torch", "litert"), ("ai_edge_litert", "litert"), ("ai_edge_quantizer", "litert"))
    runs_here = True

    def __init__(self, batch: int = 1, int8: Int8Options | None = None) -> None:
        expect(f"target.litert.batch={batch}", "at least 1", batch >= 1)
        self.batch = batch
        self.int8 = int8 or Int8Options()

    def export(self, deployable: Deployable, path: Path, calibration: np.ndarray | None) -> list[Path]:
        """See :class:`mfn.export.target.Target`."""
        content = with_metadata(self._content(deployable, calibration), deployable.metadata)
        with replacing(path) as temporary:
            temporary.write_bytes(content)
        return [path]

    def describe(self, path: Path) -> Description:
        """Operators, version and batch as the file has them."""
        content = path.read_bytes()
        model = read_model(content)
        graph = model.subgraphs[0]
        batch = graph.tensors[graph.inputs[0]].shape[0]
        integer = any(tensor.type == INT8 for tensor in graph.tensors)
        proven = widened("XNNPACK") if integer else ""
        return Description(f"TFLite {model.version}", count_operators(content), str(batch), proven)

    def _content(self, deployable: Deployable, calibration: np.ndarray | None) -> bytes:
        network, example = deployable.network, deployable.example(self.batch)
        precision = deployable.options.precision
        if precision == "int8" and calibration is not None:
            images = deployable.inputs(calibration)
            if self.int8.equalize:
                from mfn.export.equalize import equalized

                network = equalized(network, images)
            return calibrated_int8(float_model(network, example), images.permute(0, 2, 3, 1).numpy(), self.int8)
        content = float_model(network, example)
        return {"fp32": bytes, "fp16": half, "dynamic_int8": dynamic_int8}[precision](content)
