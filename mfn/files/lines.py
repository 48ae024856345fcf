"""Text files of one item a line that hold file names, which may be any bytes.

Only a line feed ends a line, alone or behind a return.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TextIO

from mfn.files.atomic import replacing
from mfn.files.rows import read_text


def open_lines(path: Path, mode: Literal["r", "w"] = "r") -> TextIO:
    """Opens a file whose bytes come back as they were, even where they are no UTF-8."""
    return path.open(mode, encoding="utf-8", errors="surrogateescape", newline="\n")


def read_lines(path: Path) -> list[str]:
    """The lines of a file; raises as `mfn.files.rows.read_text`."""
    return read_text(path).replace("\r\n", "\n").removesuffix("\n").split("\n")


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Writes a file that appears as a whole."""
    with replacing(path) as partial, open_lines(partial, "w") as file:
        file.writelines(line + "\n" for line in lines)


def as_field(text: str) -> str:
    """`text` fit for one field of a line: tabs and line breaks as spaces."""
    return text.translate({ord(mark): " " for mark in "\t\r\n"})
