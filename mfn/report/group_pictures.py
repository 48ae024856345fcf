"""Rates by group and error-versus-discard curves as pictures."""

import math
import textwrap
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, PercentFormatter

from mfn.evaluation.groups import GroupReport, between
from mfn.evaluation.verification_result import VerificationResult
from mfn.metrics.error_counts import rule_of_3
from mfn.metrics.group_rates import GroupRow, Rate
from mfn.report.figures import COLORS, GENUINE, IMPOSTOR, INK, finish, panels
from mfn.report.group_tables import short_quality
from mfn.report.wording import rate as rate_text

_GREY = "#808890"
_DARK = 0.85
"""Power of ten from which a shade is too dark for black text."""


def group_picture(report: GroupReport) -> Figure:
    """FMR and FNMR of each group side by side, with intervals over people; dashed is everybody.

    A hollow mark is a group too small to compare; an arrow to the left says that it has no error, from the rate that
    the rule of 3 leaves it.
    """
    groups = report.rates.groups
    names = [_wrapped(row.name) for row in groups]
    line = 0.42 if any("\n" in name for name in names) else 0.3
    figure, axes = panels(2, (5.2, 1.7 + line * max(3, len(groups))))
    sides: list[tuple[Axes, str, str, str, Callable[[GroupRow], Rate]]] = [
        (axes[0], "FMR", "false match rate", IMPOSTOR, lambda row: row.fmr),
        (axes[1], "FNMR", "false non-match rate", GENUINE, lambda row: row.fnmr),
    ]
    for panel, short, long, color, rate_of in sides:
        _side(panel, [rate_of(row) for row in groups], rate_of(report.rates.overall), color)
        at = f"{long}; dashed: everybody\nthreshold {report.threshold:.4f} ({report.at})"
        finish(panel, f"{short} by {report.by}", at, legend=None)
    axes[0].set_yticks(range(len(names)), names)
    for text in axes[0].get_yticklabels():
        text.set_parse_math(False)
    axes[1].set_yticks(range(len(names)), [""] * len(names))
    return figure


def _wrapped(name: str) -> str:
    """A name in at most two lines; tables have it whole."""
    return "\n".join(textwrap.wrap(name, 30, max_lines=2, placeholder=" …"))


def _short(name: str) -> str:
    return name if len(name) <= 24 else f"{name[:23]}…"


def _side(axes: Axes, rates: Sequence[Rate], overall: Rate, color: str) -> None:
    axes.set_xscale("log")
    for place, rate in enumerate(rates):
        if not rate.comparisons:
            continue
        value = rate.value or rule_of_3(rate.comparisons)
        face = color if rate.enough else "none"
        if not rate.errors:
            axes.annotate("", (value / 2.2, place), (value, place), arrowprops={"arrowstyle": "->", "color": color})
            axes.plot(value, place, "|", color=color, markersize=9)
            continue
        if rate.low is not None and rate.high is not None:
            axes.plot([max(rate.low, value / 30), rate.high], [place, place], color=color, linewidth=1.6)
        axes.plot(value, place, "o", color=color, markerfacecolor=face, markersize=6)
    if overall.value:
        axes.axvline(overall.value, color=INK, linewidth=1.1, linestyle="--")
    axes.set_ylim(len(rates) - 0.4, -0.6)
    _rate_ticks(axes)
    low, high = axes.get_xlim()
    left = bool(overall.value) and (overall.value or 0) ** 2 > low * high  # away from the dashed line
    for place, rate in enumerate(rates):
        if not rate.comparisons:
            axes.text(0.02 if left else 0.98, place, "no comparisons", transform=axes.get_yaxis_transform(), fontsize=8,
                      va="center", ha="left" if left else "right", color=_GREY)  # fmt: skip


def _rate_ticks(axes: Axes) -> None:
    """Ticks on a logarithmic axis of rates that can be read, however little of it is seen."""
    low, high = axes.get_xlim()
    span = high / low
    digits = (1,) if span > 300 else (1, 3) if span > 10 else (1, 2, 5) if span > 3 else (1, 1.2, 1.5, 2, 3, 4, 5, 6, 8)
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**power for power in powers for digit in digits if low <= digit * 10.0**power <= high]
    axes.set_xticks(ticks, [f"{100 * tick:.3g} %" for tick in ticks] if low > 1e-5 else [f"{t:.0e}" for t in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(low, high)


def is_shaded(report: GroupReport) -> bool:
    """Whether a cell of `between_picture` has comparisons enough to say something."""
    return bool(report.rates.between) and any(row.fmr.enough for row in (*report.rates.groups, *report.rates.between))


def between_picture(report: GroupReport) -> Figure:
    """False match rates within groups (diagonal) and between them, as a table of shades, with how many times overall's.

    Cells with comparisons too few to compare are not shaded.
    """
    groups = [row.name for row in report.rates.groups]
    cells = {(place, place): row.fmr for place, row in enumerate(report.rates.groups)}
    across = {between(one, two): (down, place) for place, one in enumerate(groups) for down, two in enumerate(groups)}
    cells |= {across[row.name]: row.fmr for row in report.rates.between}
    overall = report.rates.overall.fmr.value or np.nan
    shades = np.full((len(groups), len(groups)), np.nan)
    figure, (axes,) = panels(1, (3.2 + 0.5 * len(groups), 1.3 + 0.42 * max(2, len(groups))))
    for (down, place), rate in cells.items():
        times = (rate.value or 0.0) / overall
        shades[down, place] = np.log10(max(times, 0.01)) if rate.enough else np.nan
        text = f"{times:.2g}x" if rate.comparisons else ""
        dark = abs(shades[down, place]) > _DARK  # nan, of what is not shaded, is not
        color = "#ffffff" if dark else "#000000" if rate.enough else _GREY
        axes.text(place, down, text, ha="center", va="center", fontsize=8, color=color)
    axes.imshow(shades, cmap="PuOr_r", vmin=-1.3, vmax=1.3, aspect="auto")
    axes.grid(visible=False)
    axes.set_xticks(range(len(groups)), [str(number + 1) for number in range(len(groups))])
    axes.set_yticks(range(len(groups)), [f"{_wrapped(name)}  {number}" for number, name in enumerate(groups, start=1)])
    for text in axes.get_yticklabels():
        text.set_parse_math(False)
    known = "" if np.isnan(overall) else f", {rate_text(overall)}"
    finish(axes, f"FMR within and between groups by {report.by}", f"times everybody's false match rate{known}",
           legend=None)  # fmt: skip
    return figure


def group_figures(results: Sequence[VerificationResult]) -> dict[str, Figure]:
    """The pictures of all sets by the names of their files: ``groups_1``, ``between_groups_1``, ``discard``."""
    reports = [each for result in results for each in result.by_group]
    figures = {f"groups_{number}": group_picture(each) for number, each in enumerate(reports, start=1)}
    figures |= {
        f"between_groups_{number}": between_picture(each)
        for number, each in enumerate(reports, start=1)
        if is_shaded(each)
    }
    return figures | ({"discard": discard_picture(results)} if any(result.discards for result in results) else {})


def discard_picture(results: Sequence[VerificationResult]) -> Figure:
    """Error-versus-discard curves, one panel for each set that has some; dotted is the ideal of the first quality."""
    shown = [result for result in results if result.discards]
    figure, all_axes = panels(len(shown))
    for axes, judged in zip(all_axes, shown, strict=True):
        for number, each in enumerate(judged.discards):
            curve, color = each.curve, COLORS[number % len(COLORS)]
            gain = "" if curve.gain is None else f", gain {round(curve.gain, 2) + 0.0:.2f}"
            axes.step(np.append(curve.shares, curve.limit), np.append(curve.rates, curve.rates[-1]), where="post",
                      color=color, linewidth=1.8, label=f"{_short(short_quality(each))}{gain}")  # fmt: skip
        first = judged.discards[0].curve
        shares = np.linspace(0, first.limit, 200)
        ideal = np.maximum(first.rates[0] - shares, 0) / (1 - shares)
        axes.plot(shares, ideal, ":", color=_GREY, linewidth=1.2, label="ideal")
        axes.axhline(first.rates[0], color=_GREY, linewidth=1, linestyle="--", label="no use")
        axes.set_ylim(0, max(float(each.curve.rates.max()) for each in judged.discards) * 1.35 + 1e-9)
        axes.set_xlim(0, first.limit)
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        title = f"Error versus discard: {judged.name}"
        fmr = judged.discards[0].fmr
        finish(axes, title, "genuine pairs discarded, worst first", f"FNMR at the threshold of FMR {fmr:g}",
               "upper right", columns=2)  # fmt: skip
    return figure
