"""Who made what stands where mfn is about to write: what mfn cannot prove to have made is neither replaced nor removed.

A file tells by itself: a PNG by the program it names, a JSON by its keys. The folders of `mfn prepare` keep a list, see
:mod:`mfn.prepare.ownership`.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from mfn.errors import DataError, first_line
from mfn.files.atomic import replacing

PNG_PROGRAM = {"Software": "mfn"}
"""Text that goes into every PNG that a command writes where its user says."""

SETTINGS = "settings.json"
"""In every folder of `mfn prepare`, finished or not; tells under ``photos`` which ones they were."""
PHOTOS = ("count", "sha256")


def refuse_to_replace(
    path: Path, is_ours: Callable[[Path], bool], remedy: str = "give another name, or move that file away first"
) -> None:
    """Makes sure that nothing is lost by writing a file.

    Args:
        path: The file to write.
        is_ours: Whether mfn made the file that is there.
        remedy: What to do about one that it did not make.

    Raises:
        DataError: Something is there that mfn did not make.
    """
    if not os.path.lexists(path) or is_ours(path):
        return
    if path.is_dir():
        raise DataError(f"{path} is a folder: give the name of a file")
    raise DataError(f"{path} is there already, and mfn did not write it: {remedy}")


def refuse_if_taken(folder: Path, names: Iterable[str]) -> None:
    """Makes sure that nothing of these names is in a folder, whoever made it.

    Raises:
        DataError: Something is.
    """
    for name in names:
        if os.path.lexists(folder / name):
            raise DataError(f"{folder} holds {name} already: give another folder, or move {name} away")


@contextmanager
def writing(path: Path, is_ours: Callable[[Path], bool]) -> Iterator[Path]:
    """What `mfn.files.atomic.replacing` does, for a name that a user gave.

    Raises:
        DataError: Something is there that mfn did not make, or the file cannot be written.
    """
    refuse_to_replace(path, is_ours)
    try:
        with replacing(path) as temporary:
            yield temporary
    except OSError as error:
        raise DataError(
            f"{path} cannot be written ({error.strerror or first_line(error)}): free some space, or give another name"
        ) from error


def write_json(path: Path, content: Any) -> None:
    """Writes a JSON document, also to a pipe or a terminal such as ``/dev/stdout``.

    Raises:
        DataError: See `writing`.
    """
    text = json.dumps(content, indent=2)
    if _is_device(path):
        path.write_text(text + "\n", encoding="utf-8")
        return
    with writing(path, lambda there: is_json_like(there, content)) as temporary:
        temporary.write_text(text, encoding="utf-8")


def is_json(path: Path) -> bool:
    """Whether a JSON document may be written there, as far as can be told before it is known."""
    return _is_device(path) or json_at(path) is not None


def is_json_like(path: Path, content: Any) -> bool:
    """Whether a file is a JSON document with the very keys of another one, as only its own writer makes it."""
    return _keys(json_at(path)) == _keys(content) != {None}


def is_png_of_ours(path: Path) -> bool:
    """Whether a file is a picture that names mfn as its program."""
    try:
        with Image.open(path) as image:
            return image.info.get("Software") == PNG_PROGRAM["Software"]
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False


def is_prepared(folder: Path) -> bool:
    """Whether a folder is what `mfn prepare` made, finished or not: what lies in it are no photos to prepare."""
    there = json_at(folder / SETTINGS)
    return isinstance(there, dict) and "align" in there and _keys(there.get("photos")) == {frozenset(PHOTOS)}


def json_at(path: Path) -> Any:
    """What a JSON document holds; None where there is none, or none that can be read."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def _keys(content: Any) -> set[frozenset[str] | None]:
    rows = content if isinstance(content, list) else [content]
    return {frozenset(row) if isinstance(row, dict) else None for row in rows}


def _is_device(path: Path) -> bool:
    is_stream = path.parent in (Path("/dev"), Path("/dev/fd"))  # stdout may well be redirected to a file
    return path.exists() and not path.is_dir() and (is_stream or not path.is_file())
