"""Everything an evaluation leaves behind: JSON, CSV, HTML, PNG pictures and a TensorBoard event file."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from mfn.about import mfn_version
from mfn.benchmarks.verification import VerificationSet
from mfn.contract import InputContract
from mfn.evaluation.contract_report import ContractReport
from mfn.evaluation.identification import IdentificationResult
from mfn.evaluation.outcome import Result
from mfn.evaluation.templates import TemplateVerification
from mfn.evaluation.verification_result import VerificationResult
from mfn.files.atomic import replacing
from mfn.report.counts import counted_rows
from mfn.report.det import det_curves
from mfn.report.figures import save_png
from mfn.report.group_pictures import group_figures
from mfn.report.group_tables import plain_groups
from mfn.report.html import Report, render
from mfn.report.kept_scores import FILE as SCORES
from mfn.report.kept_scores import write_scores
from mfn.report.pictures import cmc_curves, roc_curves, score_histograms
from mfn.report.tensorboard import write_events


def write_report(
    run: Path,
    model: str,
    contract: InputContract,
    results: Sequence[Result],
    sets: Mapping[str, VerificationSet],
    contract_check: ContractReport | None = None,
    extra: Mapping[str, object] | None = None,
    failed: Mapping[str, str] | None = None,
) -> list[Path]:
    """Writes the report of an evaluation.

    Args:
        run: The folder; ``report.html`` comes first, since that is what a person opens.
        model: The judged file, as the user named it.
        contract: What it expects, with the stored threshold.
        results: What each set says.
        sets: The verification sets by name, for the faces of the worst pairs.
        contract_check: What the check of the contract found, where it was asked for.
        extra: Settings to name in the report, such as ``flip``.
        failed: A sentence for each part that could not be done.

    Returns:
        The files written, and last the folder of the event file.
    """
    write_numbers(run, model, contract, results, extra, failed, contract_check)
    report = _report(model, contract, results, sets, contract_check, extra or {}, failed or {})
    _write_text(run / "report.html", render(report))
    figures = _figures(report)
    for name, figure in figures.items():
        save_png(figure, run / f"{name}.png")
    scalars = {f"{result.name}/{name}": value for result in results for name, value in result.numbers().items()}
    events = write_events(run / "tensorboard", scalars, figures)
    kept = [SCORES] if (run / SCORES).exists() else []
    names = ["report.html", "report.json", "report.csv", *kept, *(f"{name}.png" for name in figures)]
    return [*(run / name for name in names), events]


def write_numbers(
    run: Path,
    model: str,
    contract: InputContract,
    results: Sequence[Result],
    extra: Mapping[str, object] | None = None,
    failed: Mapping[str, str] | None = None,
    contract_check: ContractReport | None = None,
) -> None:
    """Writes ``report.json`` and ``report.csv`` alone, which takes no time, see `write_report`."""
    report = _report(model, contract, results, {}, contract_check, extra or {}, failed or {})
    _write_text(run / "report.json", json.dumps(plain(report, extra or {}), indent=2))
    _write_csv(run / "report.csv", [{"set": result.name} | result.numbers() for result in results])
    write_scores(run, results)


def plain(report: Report, settings: Mapping[str, object]) -> dict[str, Any]:
    """The report as JSON has it."""
    return {
        "model": report.model,
        **settings,
        "failed": dict(report.failed),
        "contract": report.contract.to_dict(),
        "sets": {result.name: _verification(result) for result in report.results},
        "templates": {
            result.name: result.numbers() | {"missing": list(result.missing), "notes": list(result.notes)}
            for result in report.templates
        },
        "identification": {
            result.name: result.numbers() | ({"notes": list(result.notes)} if result.notes else {})
            for result in report.identified
        },
        "contract_check": None
        if report.contract_check is None
        else asdict(report.contract_check) | {"conclusion": report.contract_check.conclusion},
        "written": datetime.now().astimezone().isoformat(timespec="seconds"),
        "mfn": mfn_version(),
    }


def _report(
    model: str,
    contract: InputContract,
    results: Sequence[Result],
    sets: Mapping[str, VerificationSet],
    contract_check: ContractReport | None,
    settings: Mapping[str, object],
    failed: Mapping[str, str],
) -> Report:
    facts = {
        "Judged": f"{datetime.now().astimezone():%Y-%m-%d %H:%M}",
        "With": f"mfn {mfn_version()}",
        **{name: str(value) for name, value in settings.items() if value is not None},
    }
    return Report(
        model,
        contract,
        [result for result in results if isinstance(result, VerificationResult)],
        [result for result in results if isinstance(result, TemplateVerification)],
        [result for result in results if isinstance(result, IdentificationResult)],
        sets,
        contract_check,
        facts,
        failed,
    )


def _verification(result: VerificationResult) -> dict[str, Any]:
    groups = {name: asdict(group) for name, group in result.groups.items()}
    acquired = result.acquisition
    images = (
        {}
        if acquired is None
        else {
            "failed": acquired.images.failed,
            "second_tries": acquired.images.second_tries,
        }
    )
    told = {"groups": groups, "missing": list(result.missing), "notes": list(result.notes)}
    return result.numbers() | images | told | {"counts": counted_rows(result)} | plain_groups(result)


def _figures(report: Report) -> dict[str, Figure]:
    figures = {}
    if pairs := [*report.results, *report.templates]:
        figures |= {"roc": roc_curves(pairs), "det": det_curves(pairs)}
    if report.results:
        contract = report.contract
        applies = contract.threshold_flip in (None, report.facts.get("flip"))
        figures["scores"] = score_histograms(report.results, contract.threshold if applies else None)
        figures |= group_figures(report.results)
    if report.identified:
        figures["cmc"] = cmc_curves(report.identified)
    return figures


def _write_text(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def _write_csv(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    columns = dict.fromkeys(name for row in rows for name in row)
    with (
        replacing(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
    ):
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
