"""The end of a multirun: one table, CSV and picture over all jobs, best first."""

import csv
import json
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from mfn.report.figures import save_png
from mfn.report.tables import table
from mfn.report.training_pictures import bars

log = logging.getLogger(__name__)


class SweepSummary(Callback):
    """Hydra callback that sums up the ``summary.json`` of all jobs."""

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Writes ``sweep.csv`` and ``sweep.png`` beside the jobs and shows the table; a failed job is exit status 1."""
        folder = Path(config.hydra.sweep.dir)
        summaries = read_summaries(folder)
        rows = sweep_rows(folder, summaries)
        if not rows:
            return
        columns = list(dict.fromkeys(column for row in rows for column in row))
        with (folder / "sweep.csv").open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)
        log.info(table("Sweep, best first", rows))
        _draw(folder, summaries, rows)
        log.info("sweep: %s, %s", folder / "sweep.csv", folder / "sweep.png")
        if failed := [name for name, summary in summaries.items() if "error" in summary]:
            log.error("%d of %d jobs failed", len(failed), len(summaries))
            sys.exit(1)


def read_summaries(folder: Path) -> dict[str, dict[str, Any]]:
    """What each job of a sweep left, by the name of its folder, in the order of the jobs."""
    files = sorted(folder.glob("*/summary.json"), key=lambda file: (len(file.parent.name), file.parent.name))
    return {file.parent.name: json.loads(file.read_text(encoding="utf-8")) for file in files}


def sweep_rows(folder: Path, summaries: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row for each job, best first, then those without a value, then those that failed.

    Args:
        folder: The sweep's folder with a folder for each job.
        summaries: From :func:`read_summaries`.

    Returns:
        What differs between the jobs, a column for each key, then the metric under its own name, ``steps``,
        ``seconds``, ``checkpoint`` and, where one failed, ``error``.
    """
    swept = differing({name: summary["overrides"] for name, summary in summaries.items()})
    best_first = sorted(summaries, key=lambda name: _rank(summaries[name]))
    return [swept[name] | _result(folder / name, summaries[name]) for name in best_first]


def differing(overrides: Mapping[str, list[str]]) -> dict[str, dict[str, Any]]:
    """The overrides in which jobs differ, by key; jobs that do not differ are called by their names."""
    values = {
        name: {key: value for key, _, value in (word.partition("=") for word in words)}
        for name, words in overrides.items()
    }
    keys = list(dict.fromkeys(key for of_job in values.values() for key in of_job))
    swept = [key for key in keys if len({of_job.get(key) for of_job in values.values()}) > 1]
    return {
        name: {key.lstrip("+"): of_job.get(key) for key in swept} or {"job": name} for name, of_job in values.items()
    }


def _rank(summary: Mapping[str, Any]) -> tuple[bool, float]:
    value = summary["value"]
    if value is None:
        return True, "error" in summary
    return False, value if summary["mode"] == "min" else -value


def _result(run: Path, summary: Mapping[str, Any]) -> dict[str, Any]:
    if "error" in summary:
        return {"error": summary["error"]}
    return {
        summary["metric"]: summary["value"],
        "steps": summary["steps"],
        "seconds": round(summary["seconds"]),
        "checkpoint": str(run / summary["checkpoint"]) if summary["checkpoint"] else None,
    }


def _draw(folder: Path, summaries: Mapping[str, Mapping[str, Any]], rows: list[dict[str, Any]]) -> None:
    metric = next((str(summary["metric"]) for summary in summaries.values() if "metric" in summary), "")
    scored = [row for row in rows if row.get(metric) is not None]
    if not scored:
        return
    keys = next(iter(differing({name: summary["overrides"] for name, summary in summaries.items()}).values()))
    labels = [", ".join(str(row[key]) for key in keys) for row in scored]
    save_png(bars(labels, [float(row[metric]) for row in scored], metric), folder / "sweep.png")
