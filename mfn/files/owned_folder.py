"""A folder that a command writes as a whole, and that only takes the place of one that it wrote itself."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mfn.about import mfn_version
from mfn.errors import DataError, first_line
from mfn.files.atomic import clear_left_behind, hidden_folder, process_name
from mfn.files.ownership import json_at

LIST = "written.json"
"""In every such folder: who wrote it, and the SHA-256 of each of its files."""
_ELSEWHERE = "give another folder"


def refuse_others(folder: Path, maker: str) -> None:
    """Makes sure that a folder may be replaced: it is not there, empty, or just as its maker left it.

    Args:
        folder: To write.
        maker: The command, as ``mfn cluster``.

    Raises:
        DataError: It holds something that its maker did not write, or that was changed since.
    """
    if not os.path.lexists(folder):
        return
    try:
        names = sorted(_inside(folder))
    except OSError as error:
        raise DataError(f"{folder} is no folder that can be written ({error.strerror}): {_ELSEWHERE}") from error
    if not names:
        return
    files = _listed(folder / LIST, maker)
    for name in names:
        path = folder / name
        if name not in files and name != LIST:
            raise DataError(f"{folder} holds {name}, which `{maker}` did not write: {_ELSEWHERE}, or move it away")
        if name != LIST and (path.is_symlink() or not path.is_file() or _digest(path) != files[name]):
            raise DataError(f"{path} was changed since `{maker}` wrote it: {_ELSEWHERE}, or move it away")


@contextmanager
def replacing_folder(folder: Path, maker: str) -> Iterator[Path]:
    """Gives an empty folder; the files put into it and below it take the place of `folder` once the block ends well.

    Args:
        folder: To write; see `refuse_others`.
        maker: The command that writes it.

    Raises:
        DataError: See `refuse_others`; or it cannot be written.
    """
    folder = Path(os.path.realpath(folder))
    try:
        clear_left_behind(folder.parent)
        with hidden_folder(folder) as fresh:
            yield fresh
            files = {name: _digest(fresh / name) for name in sorted(_inside(fresh))}
            about = {"made_by": maker, "version": mfn_version(), "files": files}
            (fresh / LIST).write_text(json.dumps(about, indent=1), encoding="utf-8")
            refuse_others(folder, maker)
            if not folder.exists():
                fresh.rename(folder)
                return
            with hidden_folder(folder.with_name(f"{folder.name}.old")) as old:
                folder.rename(old / process_name())
                fresh.rename(folder)
    except OSError as error:
        raise DataError(
            f"{folder} cannot be written ({error.strerror or first_line(error)}): free some space, or {_ELSEWHERE}"
        ) from error


def _inside(folder: Path) -> Iterator[str]:
    """What lies in a folder and in those below it, by its path from there: files, links, and folders without any.

    Raises:
        OSError: One of them cannot be read.
    """
    for entry in os.scandir(folder):
        below = entry.is_dir(follow_symlinks=False) and [f"{entry.name}/{name}" for name in _inside(Path(entry.path))]
        yield from below or [entry.name]


def _listed(path: Path, maker: str) -> dict[str, str]:
    there = json_at(path)
    if not isinstance(there, dict) or there.get("made_by") != maker or not isinstance(there.get("files"), dict):
        return {}
    return there["files"]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
