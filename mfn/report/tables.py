"""Rows to a table on the screen and in the log."""

import io
from collections.abc import Iterable, Mapping

from rich import box
from rich.console import Console
from rich.table import Table

from mfn.evaluation.verify import Verdict


def table(title: str, rows: Iterable[Mapping[str, object]]) -> str:
    """Renders rows as text.

    Args:
        title: Printed above.
        rows: Each maps column names to cells, some of which may be missing; floats get four significant digits.

    Returns:
        The table with a leading line break, ready for a log message.
    """
    rows = list(rows)
    grid = Table(title=title, title_justify="left", box=box.SIMPLE)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    for column in columns:
        numeric = all(isinstance(row.get(column, 0), int | float) for row in rows)
        grid.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(_cell(row.get(column)) for column in columns))
    text = io.StringIO()
    Console(file=text, width=110, color_system=None).print(grid)
    return "\n" + text.getvalue().rstrip()


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def verdict_row(judged: Verdict) -> dict[str, object]:
    """A verdict as a row of a table, in percent where it is a share."""
    return {
        "set": judged.name,
        "pairs": judged.pairs,
        "accuracy %": f"{100 * judged.accuracy:.2f}",
        "std": f"{100 * judged.accuracy_std:.2f}",
        "EER %": f"{100 * judged.eer:.2f}",
        **{f"TAR@{far:.0e} %": f"{100 * tar:.2f}" for far, tar in judged.tar.items()},
        "AUC": f"{judged.area:.4f}",
        "threshold": f"{judged.threshold:.3f}",
    }
