"""Rows to a table on the screen and in the log."""

import io
from collections.abc import Iterable, Mapping

from rich import box
from rich.console import Console
from rich.table import Table

from mfn.evaluation.identification import Identified
from mfn.evaluation.templates import TemplateVerification
from mfn.evaluation.verdict import Verdict
from mfn.metrics.scores import convert
from mfn.report.wording import percent, rate


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
        grid.add_column(column, justify="right" if numeric else "left", overflow="fold", no_wrap=column == columns[0])
    for row in rows:
        grid.add_row(*(_cell(row.get(column)) for column in columns))
    text = io.StringIO()
    Console(file=text, width=110, color_system=None, markup=False).print(grid)
    return "\n" + text.getvalue().rstrip()


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def verdict_row(judged: Verdict, score: str = "cosine") -> dict[str, object]:
    """A verdict as a row of a table, in percent where it is a share, the threshold as ``score``.

    InsightFace's grid has a column where it says something else; accuracy comes with its interval, where one was
    measured, otherwise with its spread over the folds.
    """
    interval = judged.intervals.get("accuracy")
    spread = "" if interval else f" ± {percent(judged.accuracy_std)}"
    grid = percent(judged.grid_accuracy)
    return {
        "set": judged.name,
        "pairs": judged.pairs,
        "accuracy %": percent(judged.accuracy, interval) + spread,
        **({"grid %": grid} if grid != percent(judged.accuracy) else {}),
        **{f"TAR@{rate(far)} %": percent(tar) for far, tar in judged.tar.items()},
        "EER %": percent(judged.eer),
        "threshold" if score == "cosine" else score: f"{convert(judged.threshold, score):.3f}",
    }


def template_row(judged: TemplateVerification) -> dict[str, object]:
    """A 1:1 template result as a row of a table, in percent where it is a share."""
    return {
        "set": judged.name,
        "pairs": judged.pairs,
        **{f"TAR@{rate(far)} %": percent(tar) for far, tar in judged.tar.items()},
        "EER %": percent(judged.eer),
    }


def identified_row(judged: Identified) -> dict[str, object]:
    """A 1:N result as a row of a table, in percent where it is a share."""
    result = judged.result
    return {
        "set": judged.name,
        "people": judged.people,
        "gallery": judged.gallery,
        "known": result.num_known,
        "unknown": result.num_unknown,
        **{f"rank-{rank} %": percent(share) for rank, share in result.ranks.items()},
        **{f"TPIR@{rate(fpir)} %": percent(tpir) for fpir, tpir in result.tpir.items()},
        "MAP": f"{result.map:.4f}",
    }
