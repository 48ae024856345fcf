"""LiteRT (TFLite): Android, and wherever its runtime is."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mfn.export.equalize import equalized
from mfn.export.litert_convert import float_model
from mfn.export.litert_file import INT8, count_operators, read_model, with_metadata
from mfn.export.litert_integer import PIXELS, integer_ends, integer_only
from mfn.export.litert_quantize import Grid, dynamic_int8, half
from mfn.export.litert_sensitivity import Int8Options, calibrated_int8
from mfn.export.network import Deployable, ExportOptions
from mfn.export.saturation import widened
from mfn.export.target import Description, expect, one_of
from mfn.files.atomic import replacing

_BITS = {"int8": 8, "w8a16": 16}
"""Of the activations of each precision that needs calibration images."""


class LiteRTTarget:
    """Writes ``.tflite``: images (batch, H, W, 3), rows last, a fixed number of them.

    ``int8`` works in int8 wherever the runtime is fast at it, ``w8a16`` has activations of int16, ``dynamic_int8``
    needs no calibration images.

    Args:
        batch: Images that the file takes at a time.
        int8: How int8 and w8a16 are made.
        integer_only: No float in files of int8 and w8a16; the type in which they take pixels, and None for floats at
            both ends and in PReLU.
        per_tensor: One scale for all weights of a layer, in files of int8 and w8a16.
    """

    name = "litert"
    suffix = ".tflite"
    precisions = ("fp32", "fp16", "dynamic_int8", "int8", "w8a16")
    calibrated = tuple(_BITS)
    requires = (("litert_torch", "litert"), ("ai_edge_litert", "litert"), ("ai_edge_quantizer", "litert"))
    runs_here = True

    def __init__(
        self,
        batch: int = 1,
        int8: Int8Options | None = None,
        integer_only: str | None = None,
        per_tensor: bool = False,
    ) -> None:
        expect(f"target.litert.batch={batch}", "at least 1", batch >= 1)
        given = f"target.litert.integer_only={integer_only}"
        expect(given, f"{one_of(PIXELS)}, or null", integer_only is None or integer_only in PIXELS)
        self.batch = batch
        self.int8 = int8 or Int8Options()
        self.integer_only = integer_only
        self.per_tensor = per_tensor

    def check(self, precisions: Sequence[str], options: ExportOptions) -> None:
        """Looks whether the options fit what is to be written.

        Raises:
            ExportError: They do not.
        """
        integer = [precision for precision in precisions if precision in _BITS]
        asked = ",".join(precisions)
        if self.per_tensor:
            expect(f"precision={asked} with target.litert.per_tensor=true", f"{one_of(_BITS)}", bool(integer))
        usual = Int8Options()
        held = f"target.litert.int8.coverage={self.int8.coverage:g} with precision={asked}"
        is_used = integer != ["w8a16"] or self.int8.coverage == usual.coverage
        expect(held, f"{usual.coverage}, its default: 16 bits hold whatever occurs", is_used)
        if self.integer_only is None:
            return
        key = f"target.litert.integer_only={self.integer_only}"
        choosing = f"target.litert.int8.target_cosine, max_float_layers and probes with {key}"
        others = replace(self.int8, equalize=usual.equalize, coverage=usual.coverage)
        expect(choosing, "their defaults: no layer of such a file stays float", others == usual)
        fits = "w8a16" if self.integer_only == "int16" else "int8"
        expect(f"precision={asked} with {key}", f"{fits}, alone or beside floats", integer == [fits])
        expect(f"input={options.input} with {key}", "uint8, since the file normalises inside", options.input == "uint8")
        unit = f"l2_normalize={str(options.l2_normalize).lower()} with {key}"
        expect(unit, "false: integers are compared by their cosine", not options.l2_normalize)

    def export(self, deployable: Deployable, path: Path, calibration: np.ndarray | None) -> list[Path]:
        """See :class:`mfn.export.target.Target`."""
        content = self._content(deployable, calibration)
        ends = integer_ends(read_model(content))
        more = {"mfn.integers": json.dumps(ends)} if ends else {}
        with replacing(path) as temporary:
            temporary.write_bytes(with_metadata(content, deployable.metadata | more))
        return [path]

    def describe(self, path: Path) -> Description:
        """Operators, version, batch, and integers at both ends as the file has them."""
        content = path.read_bytes()
        model = read_model(content)
        graph = model.subgraphs[0]
        batch = graph.tensors[graph.inputs[0]].shape[0]
        integer = any(tensor.type == INT8 for tensor in graph.tensors)
        proven = widened("XNNPACK") if integer else ""
        made_of = count_operators(content)
        return Description(f"TFLite {model.version}", made_of, str(batch), proven, integers=integer_ends(model))

    def _content(self, deployable: Deployable, calibration: np.ndarray | None) -> bytes:
        network, example = deployable.network, deployable.example(self.batch)
        precision = deployable.options.precision
        if precision not in _BITS or calibration is None:
            content = float_model(network, example)
            return {"fp32": bytes, "fp16": half, "dynamic_int8": dynamic_int8}[precision](content)
        images, grid = deployable.inputs(calibration), Grid(_BITS[precision], self.per_tensor)
        # 16 bits have steps enough for whatever occurs
        int8 = replace(self.int8, coverage=1) if precision == "w8a16" else self.int8
        if self.int8.equalize:
            network = equalized(network, images)
        rows = images.permute(0, 2, 3, 1).numpy()
        if self.integer_only is not None:
            return integer_only(network, deployable.contract, rows, self.batch, int8.coverage, self.integer_only, grid)
        return calibrated_int8(float_model(network, example), rows, int8, grid)
