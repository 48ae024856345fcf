"""DET curves on normal-deviate axes."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from mfn.evaluation.templates import TemplateVerification
from mfn.evaluation.verification_result import VerificationResult
from mfn.metrics.normal import normal_deviate
from mfn.report.curve_points import operating_points
from mfn.report.figures import COLORS, INK, finish, panels

_TICKS = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 5e-3, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
_FINE = (*(digit * 10.0**-power for power in range(7, 2, -1) for digit in (1, 2, 3, 5, 7)), 0.01, 0.015, *_TICKS[6:])
"""Where the coarse ones leave fewer than three."""


def det_curves(results: Sequence[VerificationResult | TemplateVerification]) -> Figure:
    """False non-match rate over false match rate, both as normal deviates; the equal error rate is a dot.

    A rate of zero has no place there: a line begins at one false match and ends at one false non-match.
    """
    figure, (axes,) = panels()
    lowest = [0.5, 0.5]
    highest = 1e-3
    for number, judged in enumerate(results):
        far, tar = operating_points(judged.curve)
        color = COLORS[number % len(COLORS)]
        shown = (tar < 1) & (far < 1)
        missed = 1 - tar[shown]
        if shown.any():
            lowest = [min(lowest[0], far[shown][0]), min(lowest[1], missed[-1])]
            highest = max(highest, missed[0])
        axes.step(
            normal_deviate(far[shown]), normal_deviate(missed), where="post", color=color, linewidth=1.8,
            label=judged.name,
        )  # fmt: skip
        if judged.eer > 0:
            at = float(normal_deviate(judged.eer))
            axes.plot(at, at, "o", color=color, markersize=5)
            if len(results) == 1:
                axes.annotate(f"EER {judged.eer:.2%}", (at, at), (7, 4), color=INK, fontsize=8.5,
                              textcoords="offset points")  # fmt: skip
    _scaled(axes, (lowest[0] / 1.5, 0.5), (lowest[1] / 1.5, min(0.9, max(highest * 1.5, 0.01))))
    low, high = max(axes.get_xlim()[0], axes.get_ylim()[0]), min(axes.get_xlim()[1], axes.get_ylim()[1])
    if low < high:
        axes.plot([low, high], [low, high], ":", color="#808890", linewidth=1)
    finish(axes, "DET", "false match rate %", "false non-match rate %", "upper right" if len(results) > 1 else None)
    return figure


def _scaled(axes: Axes, across: tuple[float, float], up: tuple[float, float]) -> None:
    """Limits and ticks of both axes, given as rates."""
    for axis, (low, high), limit in ((axes.xaxis, across, axes.set_xlim), (axes.yaxis, up, axes.set_ylim)):
        ticks = [tick for tick in _TICKS if low <= tick <= high]
        if len(ticks) < 3:
            ticks = [tick for tick in _FINE if low <= tick <= high]
        axis.set_ticks(normal_deviate(ticks).tolist(), [f"{100 * tick:g}" for tick in ticks])
        axis.set_minor_locator(NullLocator())
        limit(*np.asarray(normal_deviate([low, high])).tolist())
