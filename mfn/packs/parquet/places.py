"""Which files of a folder are the Parquet files of a set, or of one of its splits."""

import fnmatch
import re
from collections.abc import Mapping
from pathlib import Path

from mfn.errors import ConfigError, DataError

PARQUET, ARROW = ".parquet", ".arrow"
_NUMBERED = re.compile(r"(?P<split>\w[\w.-]*?)-\d+-of-\d+(-[0-9a-f]+)?")
_SPLITS = {"train", "training", "test", "testing", "validation", "valid", "val", "dev", "eval"}
_TRAIN = "train"
_WRITTEN = ("dataset_dict.json", "state.json")
"""What `datasets` leaves in a folder where it saved a set."""
_INDEX = "index.parquet"
"""What became of every image in an output of `mfn prepare`; it holds none."""
_OF_DATASETS = "data-"
"""How `Dataset.save_to_disk` calls its files; others in such a folder are its caches."""


def holds_tables(place: Path) -> bool:
    """Whether a place is such a file, or a folder that looks like a set of them."""
    if place.is_file():
        return bool(_files(place))
    if not place.is_dir():
        return False
    tables = (path for folder in (place, place / "data") if folder.is_dir() for path in folder.iterdir())
    return any((place / name).is_file() for name in _WRITTEN) or any(_is_table(path, PARQUET) for path in tables)


def tables_of(place: Path, split: str | None, patterns: Mapping[str, list[str]]) -> list[Path]:
    """The files to read, sorted.

    Args:
        place: A file or a folder.
        split: Which of several; None: train, or the only one.
        patterns: The files of each split, as the set's card says.

    Raises:
        ConfigError: There is no such split, or none of several is meant.
        DataError: There are no files, or those of several sets.
    """
    files = _files(place)
    if not files:
        raise DataError(
            f"{place} holds no *{PARQUET} file: give such a file, or the folder of some. For a folder of pictures for "
            "each person use data=folder (source=folder to prepare them)"
        )
    if place.is_file():
        return files
    by_split: dict[str, list[Path]] = {}
    for file in files:
        by_split.setdefault(_split_of(file, place, patterns), []).append(file)
    chosen = split or (_TRAIN if _TRAIN in by_split else next(iter(by_split)) if len(by_split) == 1 else None)
    if chosen not in by_split:
        there = ", ".join(name or "(files without a name of one)" for name in by_split)
        wanted = "name one, as data.split=test" if split is None else f"there is no data.split={split}"
        raise ConfigError(f"{place} has the splits {there}: {wanted}")
    return _of_one_set(place, by_split[chosen], chosen)


def _of_one_set(place: Path, files: list[Path], split: str) -> list[Path]:
    folders = sorted({file.parent.parent if file.parent.name == split else file.parent for file in files})
    if len(folders) > 1:
        named = ", ".join(str(folder.relative_to(place)) for folder in folders)
        raise DataError(f"{place} holds several sets ({named}): name the one you mean, as in {folders[0]}")
    return files


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place] if place.suffix.lower() in (PARQUET, ARROW) else []
    if not place.is_dir():
        return []
    found = [
        path
        for path in sorted(place.rglob("*"))
        if _is_table(path, PARQUET, ARROW)
        and not any(part.startswith(".") for part in path.relative_to(place).parts)
        and path.is_file()
    ]
    parquet = [path for path in found if path.suffix.lower() == PARQUET]
    return parquet or [path for path in found if path.name.startswith(_OF_DATASETS)]


def _is_table(path: Path, *suffixes: str) -> bool:
    return path.suffix.lower() in suffixes and path.name != _INDEX


def _split_of(file: Path, root: Path, patterns: Mapping[str, list[str]]) -> str:
    """The split that a file is of, "" where nothing says it."""
    name = file.relative_to(root).as_posix()
    for split, wanted in patterns.items():
        if any(fnmatch.fnmatch(name, pattern.removeprefix("./")) for pattern in wanted):
            return split
    if (found := _NUMBERED.fullmatch(file.stem)) and found["split"] != _OF_DATASETS.rstrip("-"):
        return found["split"]
    for part in (
        file.stem,
        *(folder.name for folder in file.parents if folder.is_relative_to(root) and folder != root),
    ):
        if part.lower() in _SPLITS:
            return part
    return ""
