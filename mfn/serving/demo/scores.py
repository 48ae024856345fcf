"""Where a similarity lies among those of one person and of two."""

from markupsafe import Markup

from mfn.contract import MeasuredScores
from mfn.report.comparison import density
from mfn.report.figures import GENUINE, IMPOSTOR, INK, finish, panels, svg


def score_histogram(measured: MeasuredScores | None, threshold: float, score: float | None = None) -> Markup:
    """An inline SVG in the colours of the page; empty where nothing was measured.

    Args:
        measured: How the network's scores fell.
        threshold: Cosine from which two faces are one person.
        score: Of two photos.
    """
    if measured is None:
        return Markup("")
    figure, (axes,) = panels(size=(4.9, 2.7))
    for points, colour, label in ((measured.fmr, IMPOSTOR, "two people"), (measured.fnmr, GENUINE, "one person")):
        edges, heights = density(points)
        axes.stairs(heights, edges, fill=True, alpha=0.45, color=colour, label=label)
    axes.axvline(threshold, color=INK, linestyle="--", linewidth=1.2, label=f"threshold {threshold:.2f}")
    if score is not None:
        axes.axvline(score, color=INK, linewidth=2.4, label=f"these two {score:.2f}")
    axes.set_xlim(min(-0.3, threshold, score or 0), 1)
    axes.set_ylim(0, 1.45 * axes.get_ylim()[1])  # room for the legend
    axes.set_yticks([])
    finish(axes, f"Similarities measured on {measured.source}", "cosine", legend="upper center", columns=2)
    return Markup('<div class="mfn-scores" role="img" aria-label="score histogram">{}</div>').format(
        Markup(svg(figure))
    )
