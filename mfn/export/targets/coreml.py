"""Core ML: for iPhones and Macs; written and checked here, run only there."""

import contextlib
import io
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mfn.errors import ExportError
from mfn.export.network import INPUT, OUTPUT, Deployable
from mfn.export.target import Description, expect, quiet


class CoremlTarget:
    """Writes ``.mlpackage``, a folder: floats for any batch up to a limit, or with ``input=uint8`` one image.

    An image is what the camera and Vision hand over (a CVPixelBuffer); Core ML itself brings it to the colour order
    that the network takes. int8 is weights only, per channel; arithmetic is float16 there, as with fp16.

    Args:
        max_batch: Largest batch of a file that takes floats.
    """

    name = "coreml"
    suffix = ".mlpackage"
    precisions = ("fp16", "fp32", "int8")
    calibrated = ()
    requires = (("coremltools", "coreml"),)
    runs_here = False

    def __init__(self, max_batch: int = 64) -> None:
        expect(f"target.coreml.max_batch={max_batch}", "at least 1", max_batch >= 1)
        self.max_batch = max_batch

    def export(self, deployable: Deployable, path: Path, calibration: np.ndarray | None) -> list[Path]:
        """See :class:`mfn.export.target.Target`."""
        with quiet(), contextlib.redirect_stderr(io.StringIO()):  # progress bars
            model = self._model(deployable)
            model.user_defined_metadata.update(deployable.metadata)
            model.short_description = "Aligned face to embedding"
            model.save(str(path))
        _check(path, deployable)
        return [path]

    def describe(self, path: Path) -> Description:
        """Operators, specification version and batch as the package has them."""
        spec = _spec(path)
        blocks = [block for f in spec.mlProgram.functions.values() for block in f.block_specializations.values()]
        operators = Counter(op.type for block in blocks for op in block.operations if op.type != "const")
        ranges = spec.description.input[0].type.multiArrayType.shapeRange.sizeRanges
        largest = ranges[0].upperBound if ranges else 1
        batch = f"1-{largest}" if largest > 1 else "1"
        proven = "any processor: weights alone are integers" if "constexpr_affine_dequantize" in operators else ""
        return Description(f"spec {spec.specificationVersion}", dict(operators), batch, proven)

    def _model(self, deployable: Deployable) -> Any:
        import coremltools as ct
        from coremltools.optimize import coreml as smaller

        precision = deployable.options.precision
        # Images reach the network as floats from 0 to 255
        traced = torch.jit.trace(deployable.network, deployable.example().float())
        model: Any = ct.convert(
            traced,
            inputs=[self._input(deployable)],
            outputs=[ct.TensorType(OUTPUT, dtype=np.float32)],
            convert_to="mlprogram",
            compute_precision=ct.precision.FLOAT32 if precision == "fp32" else ct.precision.FLOAT16,
            minimum_deployment_target=ct.target.iOS15,
            skip_model_load=True,
        )
        if precision != "int8":
            return model
        rounding = smaller.OpLinearQuantizerConfig(mode="linear_symmetric")
        return smaller.linear_quantize_weights(model, smaller.OptimizationConfig(global_config=rounding))

    def _input(self, deployable: Deployable) -> Any:
        import coremltools as ct

        size = (3, deployable.contract.height, deployable.contract.width)
        if deployable.takes_pixels:
            return ct.ImageType(INPUT, shape=(1, *size), color_layout=ct.colorlayout[deployable.contract.color])
        batch = ct.RangeDim(1, self.max_batch, default=1) if self.max_batch > 1 else 1
        return ct.TensorType(INPUT, shape=(batch, *size), dtype=np.float32)


def _check(path: Path, deployable: Deployable) -> None:
    """Reads the package again and looks at what a Mac would go by.

    Raises:
        ExportError: Its input, output or metadata is not what was asked for.
    """
    description = _spec(path).description
    names = [feature.name for feature in (*description.input, *description.output)]
    kind = description.input[0].type.WhichOneof("Type")
    expected = "imageType" if deployable.takes_pixels else "multiArrayType"
    stated = {key: description.metadata.userDefined[key] for key in deployable.metadata}
    if names != [INPUT, OUTPUT] or kind != expected or stated != deployable.metadata:
        raise ExportError(f"{path} does not hold what was written: {names}, {kind}")


def _spec(path: Path) -> Any:
    import coremltools as ct

    with quiet(), contextlib.redirect_stderr(io.StringIO()):
        return ct.models.MLModel(str(path), skip_model_load=True).get_spec()
