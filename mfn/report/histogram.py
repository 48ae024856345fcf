"""How many identities have how many images, as text and as a picture."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
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


def draw_histogram(counts: Mapping[str, NDArray[np.int64]], path: Path) -> None:
    """Draws one or more histograms beside one another as a PNG.

    Args:
        counts: int64 (C,), images of each identity, by the name of what they are of.
        path: The file.

    Raises:
        DataError: There is a file that mfn did not make, or it cannot be written.
    """
    from matplotlib.figure import Figure  # half a second, which a text does without

    rows = {name: dict(histogram(each)) for name, each in counts.items()}
    bins = [name for name, _ in histogram(np.concatenate(list(counts.values())))]
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(counts)
    for place, (name, each) in enumerate(counts.items()):
        median = np.median(each) if each.size else 0
        label = f"{name}: {each.sum():,} images of {each.size:,} identities, median {median:g}"
        bars = axes.bar(
            np.arange(len(bins)) + place * width, [rows[name].get(one, 0) for one in bins], width, label=label
        )
        axes.bar_label(bars, fmt="{:,.0f}", padding=2, fontsize="small")
    axes.set_xticks(np.arange(len(bins)) + (len(counts) - 1) * width / 2, bins)
    axes.set_xlabel("images of an identity")
    axes.set_ylabel("identities")
    axes.legend()
    axes.margins(y=0.1)
    with writing(path, is_png_of_ours) as temporary:
        figure.savefig(temporary, dpi=110, format="png", metadata=PNG_PROGRAM)
