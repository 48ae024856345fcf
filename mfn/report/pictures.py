"""What results look like: ROC and DET curves, score histograms, CMC curves."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, PercentFormatter
from numpy.typing import NDArray

from mfn.evaluation.identification import IdentificationResult
from mfn.evaluation.templates import TemplateVerification
from mfn.evaluation.verification_result import VerificationResult
from mfn.metrics.verification import Roc
from mfn.report.figures import COLORS, GENUINE, IMPOSTOR, INK, finish, panels

Points = NDArray[np.float64]


def operating_points(curve: Roc, count: int = 400) -> tuple[Points, Points]:
    """A curve at false accept rates evenly spaced on a logarithmic axis, however many pairs it was made of.

    Args:
        curve: Every operating point.
        count: At most so many points.

    Returns:
        False accept rates, rising from the lowest above zero to 1, and the true accept rate reached at each.
    """
    lowest = curve.far[curve.far > 0][0]
    grid = np.geomspace(lowest, 1, count)
    grid[[0, -1]] = lowest, 1
    rows = np.unique(np.searchsorted(curve.far, grid, side="right") - 1)
    return curve.far[rows], curve.tar[rows]


def roc_curves(results: Sequence[VerificationResult | TemplateVerification]) -> Figure:
    """True accept rate over the logarithm of the false accept rate, one line for each verification set."""
    figure, (axes,) = panels()
    lowest = 1.0
    for number, judged in enumerate(results):
        far, tar = operating_points(judged.curve)
        lowest = min(lowest, tar[0])
        axes.step(far, tar, where="post", color=COLORS[number % len(COLORS)], linewidth=1.8, label=judged.name)
    axes.set_xscale("log")
    room = max(1 - lowest, 0.01)
    axes.set_ylim(1 - 1.08 * room, 1 + 0.04 * room)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    finish(axes, "ROC", "false accept rate", "true accept rate", "lower right" if len(results) > 1 else None)
    return figure


def det_curves(results: Sequence[VerificationResult | TemplateVerification]) -> Figure:
    """False non-match rate over false match rate, both logarithmic; the equal error rate is a dot."""
    figure, (axes,) = panels()
    lowest, highest = 1.0, 1e-3
    for number, judged in enumerate(results):
        far, tar = operating_points(judged.curve)
        color = COLORS[number % len(COLORS)]
        # A logarithmic axis has no place for zero: the line ends where no genuine pair is left
        missed = np.where(tar < 1, 1 - tar, np.nan)
        if tar[0] < 1:
            lowest, highest = min(lowest, np.nanmin(missed)), max(highest, missed[0])
        axes.step(far, missed, where="post", color=color, linewidth=1.8, label=judged.name)
        if judged.eer > 0:
            axes.plot(judged.eer, judged.eer, "o", color=color, markersize=5)
            if len(results) == 1:
                axes.annotate(f"EER {judged.eer:.2%}", (judged.eer, judged.eer), (7, 4), color=INK, fontsize=8.5,
                              textcoords="offset points")  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(min(lowest, highest) / 1.5, highest * 1.5)
    low, high = max(axes.get_xlim()[0], axes.get_ylim()[0]), min(axes.get_xlim()[1], axes.get_ylim()[1])
    if low < high:
        axes.plot([low, high], [low, high], ":", color="#808890", linewidth=1)
    finish(axes, "DET", "false match rate", "false non-match rate", "upper right" if len(results) > 1 else None)
    return figure


def score_histograms(results: Sequence[VerificationResult], threshold: float | None = None) -> Figure:
    """How the cosines of genuine and impostor pairs are spread, one panel for each set, with the thresholds.

    Args:
        results: At least one.
        threshold: A cosine to show beside the set's own threshold, such as the contract's.
    """
    figure, all_axes = panels(len(results))
    for axes, judged in zip(all_axes, results, strict=True):
        bins = np.linspace(judged.scores.min(), judged.scores.max(), 61)
        for label, color, kind in (("impostor", IMPOSTOR, ~judged.is_same), ("genuine", GENUINE, judged.is_same)):
            share = np.histogram(judged.scores[kind], bins)[0] / np.count_nonzero(kind)
            axes.stairs(share, bins, fill=True, color=color, alpha=0.35)
            axes.stairs(share, bins, color=color, linewidth=1.4, label=f"{label} pairs")
        axes.axvline(judged.threshold, ymax=0.75, color=INK, linewidth=1.3, label=f"threshold {judged.threshold:.3f}")
        if threshold is not None:
            axes.axvline(threshold, ymax=0.75, color=INK, linewidth=1.3, linestyle="--",
                         label=f"contract's {threshold:.3f}")  # fmt: skip
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.margins(y=0.4)
        axes.set_ylim(bottom=0)
        title = "Scores" if len(results) == 1 else f"Scores: {judged.name}"
        finish(axes, title, "cosine", "share of the pairs", "upper center", columns=2)
    return figure


def cmc_curves(results: Sequence[IdentificationResult]) -> Figure:
    """Share of the known probes whose identity is among the best so many, one line for each gallery."""
    figure, (axes,) = panels()
    for number, judged in enumerate(results):
        rates = np.asarray(judged.result.cmc)
        axes.plot(np.arange(1, len(rates) + 1), rates, color=COLORS[number % len(COLORS)], linewidth=1.8,
                  marker="o", markersize=3, label=judged.name)  # fmt: skip
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xscale("log")
    axes.set_xticks([rank for rank in (1, 2, 5, 10, 20, 50, 100) if rank <= axes.get_xlim()[1]])
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.xaxis.set_minor_locator(NullLocator())
    finish(axes, "CMC", "rank", "identified", "lower right" if len(results) > 1 else None)
    return figure
