"""What can be told of a gallery's file before SQLite opens it, which tells less of what is wrong."""

import os
from pathlib import Path

from mfn.errors import DataError, first_line

FORMAT = 1
APPLICATION = 0x6D666E67
"""``mfng``, where SQLite's header has a place for whose file it is."""
_MAGIC, _HEADER = b"SQLite format 3\0", 100
_JOURNAL = bytes.fromhex("d9d505f920a163d7")


def claim(path: Path) -> None:
    """Makes an empty file that its owner alone may read, where there is none.

    Raises:
        DataError: It cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        if not path.stat().st_size:
            path.chmod(0o600)
    except (OSError, ValueError) as error:
        raise DataError(f"the gallery {path} cannot be made ({first_line(error)}): give another place") from error


def check_header(path: Path) -> None:
    """Looks at the first bytes of a file before SQLite does, which tells less of what is wrong.

    Raises:
        DataError: It is no gallery, cut short, or of a newer mfn.
    """
    try:
        with path.open("rb") as file:
            start = file.read(_HEADER)
    except OSError as error:
        raise DataError(f"the gallery {path} cannot be read ({error.strerror})") from error
    if len(start) < _HEADER or not start.startswith(_MAGIC):
        raise DataError(f"{path} is damaged or no gallery of mfn: give another file")
    found, number = (int.from_bytes(start[place : place + 4], "big") for place in (60, 68))
    if number != APPLICATION:
        raise DataError(f"{path} is a database, but no gallery of mfn: give another file")
    if found > FORMAT:
        raise DataError(f"{path} is of format {found}, this mfn knows {FORMAT}: a newer mfn reads it")
    page, pages = int.from_bytes(start[16:18], "big"), int.from_bytes(start[28:32], "big")
    length, wanted = path.stat().st_size, pages * (65536 if page == 1 else page)
    _check_journal(path.with_name(path.name + "-journal"))
    if length < wanted and not path.with_name(path.name + "-journal").exists():
        raise DataError(f"{path} is cut short: {length} of {wanted} bytes are there; take an older copy")


def _check_journal(beside: Path) -> None:
    """Keeps SQLite from taking a stranger's file for what a killed writer left, which it would remove.

    Raises:
        DataError: There is such a file.
    """
    if not beside.is_file():
        return
    with beside.open("rb") as file:
        start = file.read(len(_JOURNAL))
    if start.strip(b"\0") and start != _JOURNAL:
        raise DataError(f"{beside} is no journal of a gallery, whose name it has: move it away")
