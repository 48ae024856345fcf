"""The report people open: one HTML file that needs nothing else, for a desk, a phone and the dark."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

import cv2
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from mfn.benchmarks.verification import VerificationSet
from mfn.contract import InputContract
from mfn.evaluation.contract_report import ContractReport
from mfn.evaluation.identification import IdentificationResult
from mfn.evaluation.templates import TemplateVerification
from mfn.evaluation.verification_result import VerificationResult
from mfn.images.files import IMAGE_SUFFIXES
from mfn.metrics.groups import gap
from mfn.report import acquisition, counts, group_pictures, group_tables, wording
from mfn.report.det import det_curves
from mfn.report.figures import svg
from mfn.report.page import page_environment
from mfn.report.pictures import cmc_curves, roc_curves, score_histograms
from mfn.report.worst import worst_false_accepts, worst_false_rejects

THUMBNAIL = 144
"""Longest side of a face in the report, in pixels: twice what a phone shows."""


@dataclass(frozen=True, slots=True)
class Report:
    """All that a report tells.

    Attributes:
        model: The judged file.
        contract: What it expects.
        results: 1:1 results.
        templates: 1:1 results of templates.
        identified: 1:N results.
        sets: The verification sets by name, for their faces; one that is not here is shown without.
        contract_check: What the check of the contract found, where it was asked for.
        facts: What else to name at the top: date, version, settings.
        failed: A sentence for each part that could not be done.
        worst: How many false accepts and how many false rejects to show of each set.
    """

    model: str
    contract: InputContract
    results: Sequence[VerificationResult] = ()
    templates: Sequence[TemplateVerification] = ()
    identified: Sequence[IdentificationResult] = ()
    sets: Mapping[str, VerificationSet] = field(default_factory=dict)
    contract_check: ContractReport | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    worst: int = 12


def render(report: Report) -> str:
    """The report as one HTML document. Names come from files and are escaped."""
    environment = page_environment()
    environment.filters |= {"percent": wording.percent, "rate": wording.rate, "svg": _inline, "short": short_name}
    return environment.get_template("report.html").render(
        report=report,
        title=PurePath(report.model).name,
        errors={result.name: errors(result, report.sets.get(result.name), report.worst) for result in report.results},
        words=wording,
        gap=gap,
        acquired=acquisition,
        counts=counts,
        by_group=group_tables,
        drawn=group_pictures,
        roc_curves=roc_curves,
        det_curves=det_curves,
        score_histograms=score_histograms,
        cmc_curves=cmc_curves,
    )


def errors(result: VerificationResult, pairs: VerificationSet | None, count: int) -> list[dict[str, object]]:
    """False accepts and false rejects at the set's own threshold, the worst as pictures where the set is known."""
    kinds = []
    for name, says, find, of in (
        ("False accepts", "two people taken for one", worst_false_accepts, "impostor"),
        ("False rejects", "one person taken for two", worst_false_rejects, "genuine"),
    ):
        positions, total = find(result.scores, result.is_same, result.threshold, count)
        shown = [] if pairs is None else [_pair(result, pairs, position) for position in positions]
        among = np.count_nonzero(result.is_same == (of == "genuine"))
        kinds.append({"name": name, "says": says, "of": of, "total": total, "among": among, "pairs": shown})
    return kinds


def short_name(place: str) -> str:
    """The end of a path that still says which image it is: the file, and its folder unless the file repeats it."""
    path = PurePath(place)
    name = path.stem if path.suffix.lower() in IMAGE_SUFFIXES else path.name
    return name if name.startswith(path.parent.name) else f"{path.parent.name}/{name}"


def thumbnail(image: np.ndarray) -> str:
    """A uint8 (H, W, 3) RGB image as a JPEG data address, not larger than shown."""
    scale = min(1.0, THUMBNAIL / max(image.shape[:2]))
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])[1]
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()


def _pair(result: VerificationResult, pairs: VerificationSet, position: np.int64) -> dict[str, object]:
    row = int(result.kept[position])
    faces = [{"place": pairs.source.describe(int(i)), "image": thumbnail(pairs.source.image(int(i)))}
             for i in pairs.pairs[row]]  # fmt: skip
    note = f"pair {row + 1}, fold {int(pairs.fold_of[row]) + 1}"
    group = "" if pairs.groups is None else f", {pairs.groups[row]}"
    return {"score": f"{result.scores[position]:.3f}", "faces": faces, "note": note + group}


def _inline(figure: Figure) -> Markup:
    return Markup(svg(figure))
