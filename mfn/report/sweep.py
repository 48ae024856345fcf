"""The end of a multirun: one table, CSV and picture over all jobs, best first."""

import csv
import json
import logging
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
        """Writes ``sweep.csv`` and ``sweep.png`` beside the jobs and shows the table."""
        folder = Path(config.hydra.sweep.dir)
        rows = sweep_rows(folder)
        if not rows:
            return
        with (folder / "sweep.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
        metric = list(rows[0])[1]
        figure = bars([str(row["job"]) for row in rows], [float(row[metric]) for row in rows], metric)
        save_png(figure, folder / "sweep.png")
        log.info(table("Sweep, best first", rows))
        log.info("sweep: %s, %s", folder / "sweep.csv", folder / "sweep.png")


def sweep_rows(folder: Path) -> list[dict[str, Any]]:
    """One row for each job of a sweep that has ended and was judged, best first.

    Args:
        folder: The sweep's folder with a folder for each job.

    Returns:
        ``job``, then the metric under its own name, ``steps``, ``seconds`` and ``checkpoint``.
    """
    files = {file.parent.name: file for file in folder.glob("*/summary.json")}
    summaries = {name: json.loads(file.read_text(encoding="utf-8")) for name, file in files.items()}
    judged = {name: summary for name, summary in summaries.items() if summary["value"] is not None}
    order = sorted(judged, key=lambda name: judged[name]["value"], reverse=True)
    if order and judged[order[0]]["mode"] == "min":
        order.reverse()
    return [
        {
            "job": " ".join(judged[name]["overrides"]) or name,
            judged[name]["metric"]: judged[name]["value"],
            "steps": judged[name]["steps"],
            "seconds": round(judged[name]["seconds"]),
            "checkpoint": judged[name]["checkpoint"],
        }
        for name in order
    ]
