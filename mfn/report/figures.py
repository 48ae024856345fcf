"""Figures without pyplot, so that nothing is global, and what becomes of them: PNG files, inline SVG, pixels."""

import io
from pathlib import Path
from typing import Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mfn.files.atomic import replacing

Corner = Literal["best", "upper right", "upper center", "lower right"]

INK = "#23272e"
"""Colour of text and lines; an inline SVG replaces it by the colour of the text around."""
COLORS = ("#2f7fd8", "#e07b39", "#2aa37a", "#b45fd1", "#d6456a", "#8f8a2f", "#2fa8b8", "#8a6d5a")
"""Colours of curves that can be told apart on white and on black."""
GENUINE, IMPOSTOR = "#2aa37a", "#e07b39"


def panels(count: int = 1, size: tuple[float, float] = (4.6, 3.5)) -> tuple[Figure, list[Axes]]:
    """A figure of up to three panels in a row, small enough that its text can be read on a phone.

    Args:
        count: Panels.
        size: Width and height of each in inches.
    """
    columns = max(1, min(count, 3))
    rows = -(-count // columns)
    figure = Figure(figsize=(size[0] * columns, size[1] * rows), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for unused in axes[count:]:
        unused.remove()
    for panel in axes[:count]:
        panel.spines[["top", "right"]].set_visible(False)
        panel.spines[["left", "bottom"]].set_color(INK)
        panel.tick_params(which="both", colors=INK, labelsize=9)
        panel.grid(alpha=0.22, color="#808890", linewidth=0.7)
        panel.set_axisbelow(True)
    return figure, axes[:count]


def finish(axes: Axes, title: str, x: str, y: str = "", legend: Corner | None = "best", columns: int = 1) -> None:
    """Title, labels and, where there is something to tell apart, a legend; names may hold ``$``."""
    axes.set_title(title, color=INK, fontsize=11, loc="left", parse_math=False)
    axes.set_xlabel(x, color=INK, fontsize=9)
    axes.set_ylabel(y, color=INK, fontsize=9)
    if legend and axes.get_legend_handles_labels()[0]:
        drawn = axes.legend(fontsize=8.5, frameon=False, labelcolor=INK, loc=legend, ncols=columns)
        for text in drawn.get_texts():
            text.set_parse_math(False)


def save_png(figure: Figure, path: Path, dpi: int = 140) -> None:
    """Writes a PNG file whole or not at all."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=dpi)


def svg(figure: Figure) -> str:
    """The figure as an ``<svg>`` element in the fonts and in the colour of the page that holds it."""
    text = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none"}):
        figure.savefig(
            text, format="svg", transparent=True, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type"))
        )
    element = text.getvalue().partition("<svg")
    return (element[1] + element[2]).replace(INK, "currentColor")


def pixels(figure: Figure, dpi: int = 110) -> np.ndarray:
    """The figure as uint8 (H, W, 3) RGB."""
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
