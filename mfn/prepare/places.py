"""Where an output may appear: never where something of the user's would go."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from mfn.config.quoting import quoted_override, typed
from mfn.errors import ConfigError

_MOUNTS = Path("/proc/self/mountinfo")


def output_folder(text: str) -> Path:
    """The folder that an output is, links resolved and ``~`` expanded.

    Raises:
        ConfigError: A folder cannot appear there, or it would take the place of something.
    """
    path = Path(os.path.expanduser(text))  # noqa: PTH111 which raises where there is no such user
    if path.is_symlink() and not path.exists():
        target = os.fspath(path.parent / path.readlink())
        raise ConfigError(
            f"output={text} is a link to {target}, which is not there: give {typed(quoted_override('output', target))}"
        )
    place = real(path)
    inside = typed(quoted_override("output", os.fspath(path / "pack")))
    if place == real(Path.cwd()):
        raise ConfigError(f"output={text} is the current folder: give one inside it, such as {inside}")
    if place.is_mount() or os.fspath(place) in _mount_points():
        raise ConfigError(f"output={text} is where a disk is mounted: give a folder inside it, such as {inside}")
    above = next(folder for folder in (place, *place.parents) if folder.exists())
    if not above.is_dir():
        raise ConfigError(f"output={text}: {above} is a file: give the name of a folder")
    return place


def refuse_overlap(output: Path, inputs: Mapping[str, Path]) -> None:
    """Makes sure that an output is not what is read, does not hold it and does not lie in it.

    Folders are compared by what they are on the disk, so that links and other spellings of a name do not matter.

    Args:
        output: The folder that will appear.
        inputs: Files and folders that are read, by the key that names them.

    Raises:
        ConfigError: It is.
    """
    for key, path in inputs.items():
        if is_within(path, output):
            raise ConfigError(f"output={output} is or holds {key}={path}, which is read: choose another output")
        if is_within(output, path):
            raise ConfigError(f"output={output} lies in {key}={path}, which is read: choose an output outside of it")


def refuse_files_inside(output: Path, files: Iterable[str]) -> None:
    """Makes sure that none of the files that are read lies in an output that is there, behind a link for instance.

    Raises:
        ConfigError: One does.
    """
    place = real(output)
    folders = dict[Path, Path]()
    for name in files:
        file = Path(name)
        if file.parent not in folders:
            folders[file.parent] = real(file.parent)
        where = real(file) if file.is_symlink() else folders[file.parent]
        if where.is_relative_to(place):
            raise ConfigError(f"output={output} holds {name}, which is read: choose another output")


def is_within(path: Path, folder: Path) -> bool:
    """Whether a path is a folder or lies in it; either may not be there yet."""
    here = real(folder)
    place = real(path)
    return any(_is_same(above, here) for above in (place, *place.parents))


def real(path: Path) -> Path:
    """The path without links."""
    return Path(os.path.realpath(path))


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return one == other


def _mount_points() -> set[str]:
    """Folders where something is mounted, also other folders of the same disk, which `Path.is_mount` does not see."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return set()
    return {re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), line.split(" ")[4]) for line in lines}
