"""The end of a multirun: one table, CSV and picture over all jobs, best first, and a sentence for each that failed."""

import csv
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from mfn.report.figures import save_png
from mfn.report.jobs import read_summaries, traces
from mfn.report.tables import table
from mfn.report.training_pictures import bars

log = logging.getLogger(__name__)

_begun: "list[SweepSummary]" = []
"""The sweep that this process began and that has not come to its end."""


class SweepSummary(Callback):
    """Hydra callback that sums up the ``summary.json`` of all jobs."""

    def __init__(self) -> None:
        self._before: Mapping[Path, tuple[int, ...]] = {}
        self._place = Path(), ""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Makes the sweep's folder, where a study may be kept, and looks at what lies there from earlier."""
        self._place = Path(config.hydra.sweep.dir), _subdir(config)
        self._place[0].mkdir(parents=True, exist_ok=True)
        self._before = traces(*self._place)
        _begun[:] = [self]

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Writes ``sweep.csv`` and ``sweep.png`` beside the jobs and shows the table.

        Raises:
            SystemExit: With 1, where a job failed that this sweep ran.
        """
        _begun.clear()
        self._place = Path(config.hydra.sweep.dir), _subdir(config)
        self.sum_up()

    def sum_up(self) -> None:
        """As for :meth:`on_multirun_end`."""
        folder, subdir = self._place
        summaries = read_summaries(folder, subdir)
        rows = sweep_rows(folder, summaries)
        if not rows:
            return
        columns = list(dict.fromkeys(column for row in rows for column in row))
        with (folder / "sweep.csv").open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)
        if ended := [row for row in rows if "error" not in row]:
            log.info(table("Sweep, best first", ended))
        _draw(folder, summaries, rows)
        log.info("sweep: %s, %s", folder / "sweep.csv", folder / "sweep.png")
        if best := best_sentence(summaries):
            log.info(best)
        now = traces(folder, subdir)
        ran = [name for name in summaries if now.get(folder / name) != self._before.get(folder / name)]
        failed = [name for name in ran if "error" in summaries[name]]
        for name in (name for name, summary in summaries.items() if "error" in summary):
            log.error("job %s%s: %s", name, "" if name in ran else ", of an earlier start", summaries[name]["error"])
        if failed:
            log.error("%d of %d jobs failed", len(failed), len(ran))
            sys.exit(1)


def sum_up_unfinished() -> None:
    """Sums up what there is of a sweep whose launcher or sweeper broke down.

    Raises:
        SystemExit: With 1, where a job failed.
    """
    while _begun:
        _begun.pop().sum_up()


def best_sentence(summaries: Mapping[str, Mapping[str, Any]]) -> str:
    """Which job came to the best value and what it was given; "" where none came to any."""
    name = min(summaries, key=lambda name: _rank(summaries[name]))
    if (summary := summaries[name])["value"] is None:
        return ""
    swept = differing({name: summary["overrides"] for name, summary in summaries.items()})[name]
    given = " ".join(f"{key}={value}" for key, value in swept.items() if value is not None and key != "job")
    return f"best: job {name} with {summary['metric']} {summary['value']:.4g}" + (f", {given}" if given else "")


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


def _subdir(config: DictConfig) -> str:
    sweep: Any = OmegaConf.to_container(config.hydra.sweep)
    return str(sweep.get("subdir", ""))
