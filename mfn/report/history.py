"""The logged metrics of a run, read back from its CSV files."""

import csv
from pathlib import Path

Series = list[tuple[int, float]]


def read_history(run: Path) -> dict[str, Series]:
    """All metrics of a run, over resumed parts too.

    A resumed run writes a new version of the CSV file; where two versions know one step, the later one counts.

    Args:
        run: The run's folder.

    Returns:
        For each metric its (step, value) pairs by rising step.
    """
    metrics: dict[str, dict[int, float]] = {}
    files = sorted((run / "csv").glob("version_*/metrics.csv"), key=lambda f: int(f.parent.name.partition("_")[2]))
    for file in files:
        with file.open(newline="", encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                step = int(row["step"])
                for name, value in row.items():
                    if name not in ("step", "epoch") and value:
                        metrics.setdefault(name, {})[step] = float(value)
    return {name: sorted(points.items()) for name, points in metrics.items()}
