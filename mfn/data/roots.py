"""The check every data set on disk starts with."""

from pathlib import Path

from mfn.errors import DataError


def existing_root(root: str | Path) -> Path:
    """Return `root` as a path, once it is a folder with something in it.

    Raises:
        DataError: it is missing, a file, or empty.
    """
    folder = Path(root).expanduser()
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise DataError(f"{root} {what}: give the folder that holds the data")
    if next(folder.iterdir(), None) is None:
        raise DataError(f"{root} is empty: give the folder that holds the data")
    return folder
