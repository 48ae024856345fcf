"""Rows to a table as text, for a terminal of any width and for a log."""

import io
import re
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mfn.text import printable

_GAP = 3
"""Blanks that a column takes beside its cells; a table has one more at its end."""
_NUMBERS = re.compile(r"[\d.,+-]+(e[+-]?\d+)?( ?[%°])?( [(±].*)?|-|nan|inf")


@dataclass(frozen=True, slots=True)
class _Column:
    """A column's name, its cells, whether these are numbers, and whether it may be broken at blanks."""

    name: str
    cells: Sequence[str]
    numeric: bool
    folds: bool

    @property
    def least(self) -> int:
        """The width that it needs."""
        texts = [word for cell in self.cells for word in cell.split()] if self.folds else self.cells
        return max(map(cell_len, (self.name, *texts)), default=0)

    @property
    def most(self) -> int:
        """The width that it would take."""
        return max(map(cell_len, (self.name, *self.cells)), default=0)


def table(title: str, rows: Iterable[Mapping[str, object]], width: int | None = None) -> str:
    """Renders rows as text. No number and no word is broken: a table too wide for a terminal comes in several parts.

    Args:
        title: Printed above.
        rows: Each maps column names to cells, some of which may be missing; floats get four significant digits.
        width: Of the terminal; None takes that of the one there is, and has no limit where there is none.

    Returns:
        The table with a leading line break, ready for a log message.
    """
    rows = list(rows)
    names = list(dict.fromkeys(column for row in rows for column in row))
    columns = [_column(name, [row.get(name) for row in rows], name == names[0]) for name in names]
    limit = width or _terminal_width()
    parts = [_rendered(part, limit) for part in _parts(columns, limit)]
    return "\n" + printable(title) + "\n" + "\n\n".join(parts)


def _terminal_width() -> int | None:
    is_terminal = any(stream is not None and stream.isatty() for stream in (sys.stdout, sys.stderr))
    return shutil.get_terminal_size().columns if is_terminal else None


def _column(name: str, values: Sequence[object], is_first: bool) -> _Column:
    cells = [_cell(value) for value in values]
    numeric = all(value is None or isinstance(value, int | float) for value in values)
    return _Column(printable(name), cells, numeric, not is_first and not all(map(_NUMBERS.fullmatch, cells)))


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else printable(str(value))


def _parts(columns: Sequence[_Column], limit: int | None) -> list[list[_Column]]:
    """The columns in as many tables as it takes, each with the first column."""
    parts = [list(columns[:1])]
    for column in columns[1:]:
        if limit is not None and len(parts[-1]) > 1 and _width(c.least for c in (*parts[-1], column)) > limit:
            parts.append(list(columns[:1]))
        parts[-1].append(column)
    return parts


def _rendered(columns: Sequence[_Column], limit: int | None) -> str:
    grid = Table(box=box.SIMPLE)
    for column in columns:
        justify = "right" if column.numeric else "left"
        least = column.least if column.folds else column.most
        grid.add_column(Text(column.name), justify=justify, overflow="fold", no_wrap=not column.folds, min_width=least)
    for cells in zip(*(column.cells for column in columns), strict=True):
        grid.add_row(*map(Text, cells))
    text = io.StringIO()
    needed = _width(column.least for column in columns)
    width = _width(column.most for column in columns) if limit is None else max(limit, needed)
    Console(file=text, width=width, color_system=None).print(grid)
    return "\n".join(line.rstrip() for line in text.getvalue().rstrip().splitlines())


def _width(cells: Iterable[int]) -> int:
    return sum(cell + _GAP for cell in cells) + 1
