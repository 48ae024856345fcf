"""The end of a multirun: one table, CSV and picture over all jobs, best first."""

import csv
import json
import logging
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from mfn.report.pictures import bars
from mfn.report.tables import table

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
        metric = next(name for name in rows[0] if name.startswith("val/"))
        bars(
            [str(row["job"]) for row in rows],
            [float(row[metric]) for row in rows],
            metric,
            folder / "sweep.png",
        )
        log.info(table("Sweep, best first", rows))
        log.info("sweep: %s, %s", folder / "sweep.csv", folder / "sweep.png")


def sweep_rows(folder: Path) -> list[dict[str, Any]]:
    """One row for each finished job of a sweep, best first.

    Args:
        folder: The sweep's folder with a folder for each job.
    """
    rows = []
    for file in folder.glob("*/summary.json"):
        summary = json.loads(file.read_text(encoding="utf-8"))
        rows.append(
            {
                "job": " ".join(summary["overrides"]) or file.parent.name,
                summary["metric"]: summary["value"],
                "steps": summary["steps"],
                "seconds": round(summary["seconds"]),
                "checkpoint": summary["checkpoint"],
                "_mode": summary["mode"],
            }
        )
    rows.sort(key=lambda row: float(row[next(k for k in row if k.startswith("val/"))]), reverse=True)
    if rows and rows[0]["_mode"] == "min":
        rows.reverse()
    return [{key: value for key, value in row.items() if key != "_mode"} for row in rows]
