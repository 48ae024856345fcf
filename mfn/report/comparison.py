"""Two photos beside one another, with what was found on them and where their score lies."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from mfn.contract import MeasuredScores
from mfn.files.ownership import PNG_PROGRAM, is_png_of_ours, writing
from mfn.report.contact_sheet import thumbnail
from mfn.report.figures import finish

_SIDE = 640
_MEANT, _OTHER = "#1b7f4b", "#9a9a9a"
_GENUINE, _IMPOSTOR = "#1b7f4b", "#b03a2e"


def comparison_figure(
    photos: Sequence[NDArray[np.uint8]],
    boxes: Sequence[Sequence[NDArray[np.float32]]],
    meant: Sequence[int | None],
    crops: Sequence[NDArray[np.uint8] | None],
    title: str,
    *,
    score: float | None,
    threshold: float,
    measured: MeasuredScores | None,
) -> Figure:
    """Draws a comparison.

    Args:
        photos: Two, uint8 RGB (H, W, 3).
        boxes: Of each all faces, (4,) as in `mfn.align.face.Face`.
        meant: Of each which face was compared.
        crops: Of each the aligned face.
        title: The answer in words.
        score: Cosine of the two, None where a face is missing.
        threshold: Cosine from which they are one person.
        measured: How scores of one and of two people are spread, where that is known.
    """
    figure = Figure(figsize=(10, 6.4), layout="constrained")
    grid = GridSpec(2, 6, figure, height_ratios=(3, 2))
    for side, (photo, found, face) in enumerate(zip(photos, boxes, meant, strict=True)):
        _photo(figure.add_subplot(grid[0, 3 * side : 3 * side + 3]), photo, found, face)
    for side, crop in enumerate(crops):
        axes = figure.add_subplot(grid[1, side])
        axes.axis("off")
        if crop is not None:
            axes.imshow(crop)
    _scores(figure.add_subplot(grid[1, 2:]), score, threshold, measured)
    figure.suptitle(title)
    return figure


def write_figure(figure: Figure, path: Path) -> None:
    """Writes a picture that tells that mfn made it.

    Raises:
        DataError: There is a file that mfn did not make, or it cannot be written.
    """
    with writing(path, is_png_of_ours) as temporary:
        figure.savefig(temporary, dpi=110, format="png", metadata=PNG_PROGRAM)


def density(points: Sequence[tuple[float, float]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Edges and heights of a histogram from the curve of a `MeasuredScores`, of area 1 but for its two ends."""
    ordered = sorted(points, key=lambda point: point[1])
    shares, cosines = np.array(ordered).T
    edges, first = np.unique(np.round(cosines, 3), return_index=True)
    masses = np.abs(np.diff(shares[first]))
    return edges, masses / np.diff(edges)


def _photo(axes: Axes, photo: NDArray[np.uint8], boxes: Sequence[NDArray[np.float32]], meant: int | None) -> None:
    scale = min(1.0, _SIDE / max(photo.shape[:2]))
    axes.imshow(np.asarray(thumbnail(photo, _SIDE)) if scale < 1 else photo)
    axes.axis("off")
    for number, box in enumerate(boxes):
        x, y, width, height = (float(value) * scale for value in box)
        colour = _MEANT if number == meant else _OTHER
        axes.add_patch(Rectangle((x, y), width, height, fill=False, edgecolor=colour, linewidth=2))


def _scores(axes: Axes, score: float | None, threshold: float, measured: MeasuredScores | None) -> None:
    if measured is not None:
        for points, colour, label in (
            (measured.fmr, _IMPOSTOR, "two people"),
            (measured.fnmr, _GENUINE, "one person"),
        ):
            edges, heights = density(points)
            axes.stairs(heights, edges, fill=True, alpha=0.35, color=colour, label=f"{label} ({measured.source})")
    axes.axvline(threshold, color="#555555", linestyle="--", label=f"threshold {threshold:.3f}")
    if score is not None:
        axes.axvline(score, color="black", linewidth=2, label=f"these two {score:.3f}")
    axes.set_xlim(min(-0.3, threshold, score or 0), 1)
    axes.set_yticks([])
    finish(axes, "", "similarity (cosine)", legend="upper center")
