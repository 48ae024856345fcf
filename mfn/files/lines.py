"""Text files of one item a line: lists that anybody wrote, and those of our own.

Every list that names images is read with `table` and the functions under it, whatever byte order marks, line ends,
dividers and quotes it has. Our own files hold names that may be any bytes; only a line feed ends a line there, alone or
behind a return.
"""

import codecs
import csv
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Literal, TextIO

from mfn.errors import DataError
from mfn.files.atomic import replacing

_BLANKS = " \t\f\v"  # of no other alphabet: a name may hold an ideographic space
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}(\.0*)?")  # no more digits: Python refuses to read numbers without end


def read_text(path: Path) -> str:
    """The text of a file, UTF-8, or UTF-16 with its mark; bytes that are neither come back as they were.

    Raises:
        DataError: The file is missing or no text.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): give a text file of one item a line") from None
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = data.decode("utf-16" if wide else "utf-8-sig", errors="replace" if wide else "surrogateescape")
    if "\0" in text:
        raise DataError(f"{path} is no text: it holds a byte of zero; if an editor opens it, save it there as UTF-8")
    return text


def numbered_lines(path: Path) -> list[tuple[int, str]]:
    """The lines of a file that are not blank, stripped, with their numbers; raises as `read_text`."""
    lines = re.split(r"\r\n|\r|\n", read_text(path))  # splitlines() would cut names at signs that end no line
    return [(number, kept) for number, line in enumerate(lines, start=1) if (kept := line.strip(_BLANKS))]


def divider_of(lines: Iterable[str]) -> str | None:
    """What divides the columns of lines without tabs: ';' or ',' where every line has it, otherwise blanks."""
    ends = [line.rstrip(_BLANKS + ";,") for line in lines]
    divided = [line for line in ends if "\t" not in line and not line.isdigit()]
    return next((mark for mark in ";," if divided and all(mark in line for line in divided)), None)


def fields(line: str, divider: str | None = None) -> list[str]:
    """The columns of a line, stripped; those at its end that are empty are left out.

    Args:
        line: Without its end; where there is a tab in it, tabs divide.
        divider: Of the file, see `divider_of`; None: blanks.
    """
    mark = "\t" if "\t" in line else divider
    line = line.strip(_BLANKS).rstrip(_BLANKS + ";,")
    columns = line.split(mark) if mark else re.split(f"[{_BLANKS}]+", line)
    if '"' in line and line.count('"') % 2 == 0:
        with suppress(csv.Error):
            columns = next(csv.reader([line], delimiter=mark or " ", skipinitialspace=True))
    columns = [column.strip(_BLANKS) for column in columns]
    return [column for column in columns if column] if mark is None else columns


def table(path: Path) -> list[tuple[int, list[str]]]:
    """The columns of each line with its number; raises as `read_text`."""
    lines = numbered_lines(path)
    divider = divider_of(line for _, line in lines)
    return [(number, fields(line, divider)) for number, line in lines]


def whole_number(text: str) -> int | None:
    """A number that is not negative, also as other programs write it (`4.0`); None for any other text."""
    return int(float(text)) if _NUMBER.fullmatch(text) and text[0] not in "+-" else None


def label(text: str) -> int | None:
    """The number that a label says, also one of other programs (`1.0`); None where it is no label."""
    return int(float(text)) if _NUMBER.fullmatch(text) else None


def slashed(name: str) -> str:
    r"""A file name with '/' between its folders, where it was written with '\'."""
    return name.replace("\\", "/")


def open_lines(path: Path, mode: Literal["r", "w"] = "r") -> TextIO:
    """Opens a file whose bytes come back as they were, even where they are no UTF-8."""
    return path.open(mode, encoding="utf-8", errors="surrogateescape", newline="\n")


def read_lines(path: Path) -> list[str]:
    """The lines of a file; raises as `mfn.files.lines.read_text`."""
    return read_text(path).replace("\r\n", "\n").removesuffix("\n").split("\n")


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Writes a file that appears as a whole."""
    with replacing(path) as partial, open_lines(partial, "w") as file:
        file.writelines(line + "\n" for line in lines)


def as_field(text: str) -> str:
    """`text` fit for one field of a line: tabs and line breaks as spaces."""
    return text.translate({ord(mark): " " for mark in "\t\r\n"})
