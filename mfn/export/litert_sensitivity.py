"""Which layers of a LiteRT model do not bear int8."""

from dataclasses import dataclass

import numpy as np

from mfn.export.litert_quantize import Grid, full_int8, layers
from mfn.export.litert_ranges import activation_ranges, embeddings
from mfn.export.target import expect
from mfn.metrics.scores import cosine


@dataclass(frozen=True, slots=True)
class Int8Options:
    """How int8 is made.

    Attributes:
        equalize: Scale channels so that they share their tensor's range, before conversion.
        coverage: Share of the calibration images whose extremes a range holds; 1 is min-max.
        target_cosine: Mean cosine to the float embeddings that is good enough to leave every layer in int8.
        max_float_layers: Layers that may work in float to get there; their weights are int8 all the same, so that
            they cost time and no bytes.
        probes: Calibration images on which the cosine is measured.

    Raises:
        ExportError: A value makes no sense.
    """

    equalize: bool = True
    coverage: float = 0.9
    target_cosine: float = 0.99
    max_float_layers: int = 4
    probes: int = 32

    def __post_init__(self) -> None:
        expect(f"target.litert.int8.coverage={self.coverage}", "above 0 and up to 1", 0 < self.coverage <= 1)
        expect(f"target.litert.int8.target_cosine={self.target_cosine}", "a cosine", abs(self.target_cosine) <= 1)
        most = self.max_float_layers
        expect(f"target.litert.int8.max_float_layers={most}", "0 or positive", most >= 0)
        expect(f"target.litert.int8.probes={self.probes}", "at least 1", self.probes >= 1)


def calibrated_int8(content: bytes, images: np.ndarray, options: Int8Options, grid: Grid | None = None) -> bytes:
    """A full int8 model, with layers in float where the embeddings need it.

    Args:
        content: Of a float32 model.
        images: (N, H, W, 3) as the file takes them.
        options: How.
        grid: What numbers are rounded to, see :func:`full_int8`.

    Returns:
        The content of the file. It may fall short of ``target_cosine``, the proof tells.
    """
    ranges = activation_ranges(content, images, options.coverage)
    probes = images[: options.probes]
    wanted = embeddings(content, probes)

    def agreement(quantised: bytes) -> float:
        return float(cosine(embeddings(quantised, probes), wanted).mean())

    best = full_int8(content, ranges, (), grid)
    if options.max_float_layers == 0 or agreement(best) >= options.target_cosine:
        return best
    gains = {name: agreement(full_int8(content, ranges, [name], grid)) for name in layers(content)}
    ranking = sorted(gains, key=gains.__getitem__, reverse=True)
    for count in range(1, options.max_float_layers + 1):
        best = full_int8(content, ranges, ranking[:count], grid)
        if agreement(best) >= options.target_cosine:
            break
    return best
