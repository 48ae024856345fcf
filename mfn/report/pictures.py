"""What results look like: ROC curves, score histograms, CMC curves."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, PercentFormatter

from mfn.evaluation.identification import IdentificationResult
from mfn.evaluation.templates import TemplateVerification
from mfn.evaluation.verification_result import VerificationResult
from mfn.report.curve_points import operating_points
from mfn.report.figures import COLORS, GENUINE, IMPOSTOR, INK, finish, panels


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
