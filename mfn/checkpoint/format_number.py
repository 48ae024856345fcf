"""The format of what is written: a number in every checkpoint and exported file.

It grows when a reader that does not know of a change would go wrong. Files from before there were numbers have 0.
"""

import logging
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

FORMAT = 1
"""What this version writes, and the newest that it knows."""


def format_of(plain: Mapping[str, Any]) -> int:
    """The format number among the fields of a file; 0 where there is none, or none that is a number."""
    value = plain.get("format")
    number = int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 10 else value
    return number if isinstance(number, int) and not isinstance(number, bool) and number >= 0 else 0


def warn_of_newer(plain: Mapping[str, Any], known: Collection[str], path: Path | str) -> None:
    """Says once what of a file of a newer version is passed over.

    Args:
        plain: The fields of the file.
        known: Those that this version knows.
        path: The file, for the message.
    """
    unknown = ", ".join(sorted(str(name)[:50] for name in plain if name not in known)[:5])
    if (number := format_of(plain)) > FORMAT:
        what = f"passed over {unknown}" if unknown else "nothing unknown in it"
        _say_once(f"{path} has format {number}, and this mfn knows {FORMAT}: {what}; a newer mfn may read more of it")
    elif unknown:
        _say_once(f"{path}: {unknown} is unknown here and passed over")


def if_newer(plain: Mapping[str, Any]) -> str:
    """What to add to an error about a file, "" unless a newer version wrote it."""
    number = format_of(plain)
    return f" (it has format {number}, and this mfn knows {FORMAT}: install a newer mfn)" if number > FORMAT else ""


@cache
def _say_once(sentence: str) -> None:
    """A file may be read several times on its way into a program."""
    log.warning("%s", sentence)
