"""Which files of a folder `mfn prepare` made: these alone are replaced or removed.

A finished output holds a list of its files with their hashes. What a run leaves unfinished lies in OUT.work, where
every name is one of ours.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mfn.about import mfn_version
from mfn.files.atomic import is_temporary, replacing
from mfn.files.ownership import SETTINGS

LIST = "written.json"
_MAKER = "mfn prepare"
_RESULT = re.compile(
    rf"result/(?:{SETTINGS}|{LIST}|property|names\.txt|variants\.tsv|report\.json|index\.(?:csv|parquet)|dropped\.html"
    r"|images_per_identity\.png|outliers\.csv|similar_identities\.csv|(?:train|val|held_out)\.(?:rec|idx|lst|bin|bin\.json)"
    r"|shard-\d{6,}\.tar|index\.json|samples\.npz"
    r"|(?:train|val|held_out)/(?:variants\.tsv|[^/]+/[^/]+\.(?:jpg|png|bmp|webp)))"
)


def write_list(folder: Path, hashes: Mapping[str, str]) -> None:
    """Writes down what mfn put into a folder.

    Args:
        folder: Holds all of it, and nothing else.
        hashes: SHA-256 of files whose hash is known already, by their path below the folder.
    """
    paths = [path for path in _files(folder) if path != LIST]
    known = {**hashes_of(folder, [path for path in paths if path not in hashes]), **hashes}
    files = {path: [(folder / path).stat().st_size, known[path]] for path in paths}
    with replacing(folder / LIST) as temporary:
        content = {"made_by": _MAKER, "version": mfn_version(), "files": files}
        temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")


def listed(folder: Path) -> dict[str, tuple[int, str]] | None:
    """Size in bytes and SHA-256 of each file that mfn put into a folder; None where it holds no such list."""
    try:
        content: Any = json.loads((folder / LIST).read_text(encoding="utf-8"))
        if content["made_by"] != _MAKER:
            return None
        return {str(path): (int(size), str(digest)) for path, (size, digest) in content["files"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def lacking(folder: Path) -> list[str]:
    """Files that mfn put into a folder and that are not there any more, or not in their size."""
    files = listed(folder) or {}
    return [path for path, (size, _) in files.items() if _size(folder / path) != size]


def not_ours(folder: Path) -> list[str]:
    """What there is in a finished output that mfn did not put there, or that was changed since.

    Without a list nothing is proven to be ours. Links are not followed.
    """
    files = listed(folder) or {}
    ours = {*files, LIST}
    others = [path for path in entries(folder) if path not in ours or (folder / path).is_symlink()]
    if others:
        return others
    there = [path for path in files if (folder / path).exists()]
    hashes = hashes_of(folder, there)
    return [f"{path} (changed since)" for path in there if hashes[path] != files[path][1]]


def remove_listed(folder: Path) -> list[str]:
    """Removes a finished output; returns what is in it that mfn did not put there and that stays, with its folders."""
    files = {*(listed(folder) or {}), LIST}
    return remove(folder, files.__contains__)


def is_work(path: str) -> bool:
    """Whether a path below OUT.work is one that an unfinished run gives to its files."""
    return (
        path == SETTINGS
        or re.fullmatch(r"photos/(?:\d+\.npz|shard-\d{6,}\.tar)", path) is not None
        or _RESULT.fullmatch(path) is not None
        or any(map(is_temporary, path.split("/")))
    )


def remove(folder: Path, is_ours: Callable[[str], bool], below: str = "") -> list[str]:
    """Removes files, and the folders that are empty then; what tells that these are ours goes last.

    Args:
        folder: Where the files lie.
        is_ours: Says of a path below the folder whether it may go.
        below: Only what lies in this folder in it, and that folder.

    Returns:
        Paths of what stays.
    """
    found = sorted(entries(folder, below), key=(SETTINGS, LIST).__contains__)
    stays = [path for path in found if not _removed(folder / path, is_ours(path))]
    for place, _, _ in os.walk(folder / below, topdown=False):
        if not os.listdir(place):  # noqa: PTH208
            Path(place).rmdir()
    return stays


def hashes_of(folder: Path, paths: Iterable[str]) -> dict[str, str]:
    """SHA-256 of files, by their path below a folder."""
    hashes = {}
    for path in paths:
        with (folder / path).open("rb") as file:
            hashes[path] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes


def entries(folder: Path, below: str = "") -> Iterator[str]:
    """Paths of files, of links and of empty folders."""
    for place, folders, files in os.walk(folder / below):
        at = Path(place)
        names = [*files, *(name for name in folders if (at / name).is_symlink())]
        if not names and not folders and at != folder:
            yield at.relative_to(folder).as_posix()
        yield from ((at / name).relative_to(folder).as_posix() for name in sorted(names))


def _removed(path: Path, is_ours: bool) -> bool:
    if path.is_symlink() or not (is_ours or path.is_dir()):
        return False
    if not path.is_dir():  # empty folders go at the end
        path.unlink(missing_ok=True)
    return True


def _files(folder: Path) -> list[str]:
    return sorted(path for path in entries(folder) if not (folder / path).is_dir())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
