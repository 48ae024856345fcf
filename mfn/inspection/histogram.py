"""How many identities have how many images, as text and as a picture."""

from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mfn.files.ownership import PNG_PROGRAM, is_png_of_ours, writing

EDGES = (1, 2, 6, 11, 21, 31, 91, 201, 351, 1001)
"""Where bins begin; 31, 91, 201 and 351 are those of the older projects' rules. The last bin has no end."""

_BAR = 40


def histogram(counts: NDArray[np.int64]) -> list[tuple[str, int]]:
    """Counts identities by their number of images, from the first bin that has any to the last.

    Args:
        counts: int64 (C,), images of each identity.

    Returns:
        (bin, identities), a bin being named "1", "2-5" or "1001-".
    """
    ends = [f"{low}" if high == low + 1 else f"{low}-{high - 1}" for low, high in pairwise(EDGES)]
    bins = np.bincount(np.searchsorted(EDGES, counts, side="right"), minlength=len(EDGES) + 1)[1:].tolist()
    filled = [place for place, number in enumerate(bins) if number]
    named = list(zip([*ends, f"{EDGES[-1]}-"], bins, strict=True))
    return named[filled[0] : filled[-1] + 1] if filled else []


def histogram_text(counts: NDArray[np.int64]) -> str:
    """Draws the histogram with one line for each bin."""
    rows = histogram(counts)
    most = max((number for _, number in rows), default=1)
    return "\n".join(
        f"  {name:>9}  {number:>9,}  {'█' * round(_BAR * number / most)}".rstrip() for name, number in rows
    )


def draw_histogram(counts: NDArray[np.int64], path: Path) -> None:
    """Draws the histogram as a PNG.

    Raises:
        DataError: There is a file that mfn did not make, or it cannot be written.
    """
    rows = histogram(counts)
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    axes.bar_label(axes.bar([name for name, _ in rows], [number for _, number in rows]), fmt="{:,.0f}", padding=2)
    axes.set_xlabel("images of an identity")
    axes.set_ylabel("identities")
    axes.set_title(f"{counts.sum():,} images of {counts.size:,} identities")
    axes.margins(y=0.1)
    with writing(path, is_png_of_ours) as temporary:
        figure.savefig(temporary, dpi=110, format="png", metadata=PNG_PROGRAM)
