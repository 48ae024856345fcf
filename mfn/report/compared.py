"""What a comparison of networks leaves behind: rows for the screen, JSON, ROC curves, pairs they disagree on."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from mfn.about import mfn_version
from mfn.checkpoint.card import slug
from mfn.errors import BrokenImageError
from mfn.evaluation.compared import Compared, disagreements
from mfn.files.owned_folder import replacing_folder
from mfn.metrics.paired import Difference
from mfn.report.contact_sheet import write_contact_sheet
from mfn.report.figures import COLORS, finish, panels, save_png
from mfn.report.pictures import operating_points
from mfn.report.wording import percent, rate

MAKER = "mfn compare"
_SHOWN, _SIDE = 60, 128
"""Pairs of a picture at most, and how large a face is in pixels."""


def network_rows(found: Compared) -> list[dict[str, object]]:
    """A row for each network, in percent, with intervals where there are any."""
    return [
        {
            "network": judged.model,
            "pairs": len(judged.scores),
            "accuracy %": percent(judged.accuracy, judged.intervals.get("accuracy")),
            **{
                f"TAR@{rate(far)} %": percent(tar, judged.intervals.get(f"tar_at_far_{far:.0e}"))
                for far, tar in judged.tar.items()
            },
        }
        for judged in found.networks
    ]


def difference_rows(found: Compared) -> list[dict[str, object]]:
    """A row for each network but the first: how many points its figures lie above the first one's."""
    rows = []
    for judged, against in zip(found.networks[1:], found.against, strict=True):
        row: dict[str, object] = {"network": judged.model, "accuracy": points(against.differences["accuracy"])}
        for far in judged.tar:
            row[f"TAR@{rate(far)}"] = points(against.differences[f"tar_at_far_{far:.0e}"])
        test = against.test
        row |= {"only the first right": test.first_only, "only this one right": test.other_only}
        rows.append(row | {f"McNemar p ({test.method})": f"{test.p_value:.2g}"})
    return rows


def points(difference: Difference) -> str:
    """A difference of shares in points, with its interval: ``-0.35 (-0.58 to -0.13)``."""
    text = f"{100 * difference.value:+.2f}"
    if np.isnan(difference.low):
        return text
    return f"{text} ({100 * difference.low:+.2f} to {100 * difference.high:+.2f})"


def write_comparison(output: Path, sets: Sequence[Compared], settings: dict[str, Any]) -> None:
    """Writes ``compare.json``, ``roc.png`` and a picture of disagreements for each set and network beside the first.

    Args:
        output: The folder; an earlier one that nobody changed is replaced.
        sets: What each set says.
        settings: To name in the JSON.

    Raises:
        DataError: There is something that mfn did not write, or it cannot be written.
    """
    with replacing_folder(output, MAKER) as folder:
        about = {"settings": settings, "written": datetime.now().astimezone().isoformat(timespec="seconds")}
        content = {**about, "mfn": mfn_version(), "sets": {found.pairs.name: _plain(found) for found in sets}}
        (folder / "compare.json").write_text(json.dumps(content, indent=2), encoding="utf-8")
        save_png(curves(sets), folder / "roc.png")
        for number, found in enumerate(sets, start=1):
            for other in range(1, len(found.networks)):
                name = f"disagree-{number}-{slug(found.pairs.name)}-1-{other + 1}.png"
                _draw_disagreements(folder / name, found, other)


def curves(sets: Sequence[Compared]) -> Figure:
    """The ROC curves of all networks together, a panel for each set."""
    figure, drawn = panels(len(sets))
    for axes, found in zip(drawn, sets, strict=True):
        lowest = 1.0
        for number, judged in enumerate(found.networks):
            far, tar = operating_points(judged.curve)
            lowest = min(lowest, tar[0])
            axes.step(far, tar, where="post", color=COLORS[number % len(COLORS)], linewidth=1.6, label=judged.model)
        axes.set_xscale("log")
        room = max(1 - lowest, 0.01)
        axes.set_ylim(1 - 1.08 * room, 1 + 0.04 * room)
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        finish(axes, found.pairs.name, "false accept rate", "true accept rate", "lower right")
    return figure


def _plain(found: Compared) -> dict[str, Any]:
    return {
        "pairs": int(found.kept.size),
        "networks": [
            {
                "model": judged.model,
                "accuracy": judged.accuracy,
                "threshold": judged.threshold,
                **{f"tar_at_far_{far:.0e}": tar for far, tar in judged.tar.items()},
                "intervals": {name: list(ends) for name, ends in judged.intervals.items() if np.isfinite(ends).all()},
            }
            for judged in found.networks
        ],
        "against_the_first": [
            {
                "model": judged.model,
                "differences": {name: _finite(each) for name, each in against.differences.items()},
                "mcnemar": asdict(against.test),
            }
            for judged, against in zip(found.networks[1:], found.against, strict=True)
        ],
    }


def _finite(difference: Difference) -> dict[str, float | None]:
    return {name: value if np.isfinite(value) else None for name, value in asdict(difference).items()}


def _draw_disagreements(path: Path, found: Compared, other: int) -> None:
    """Two faces for each pair that only one of two networks judges right, three pairs in a row, the worst first."""
    first, second = found.networks[0], found.networks[other]
    images, captions = [], []
    for place in disagreements(found, other)[:_SHOWN].tolist():
        row = int(found.kept[place])
        right = 1 if first.right[place] else other + 1
        kind = "one person" if found.is_same[place] else "two people"
        images += [_image(found, int(image)) for image in found.pairs.pairs[row]]
        captions += [
            f"{kind}\n1: {first.scores[place]:.3f} ({first.threshold:.3f})",
            f"pair {row + 1}: {right} right\n"  # nothing longer fits below a face
            f"{other + 1}: {second.scores[place]:.3f} ({second.threshold:.3f})",
        ]
    if images:
        write_contact_sheet(path, images, captions, columns=6, side=_SIDE)


def _image(found: Compared, position: int) -> NDArray[np.uint8] | None:
    try:
        return found.pairs.source.image(position)
    except BrokenImageError:
        return None
