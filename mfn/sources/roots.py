"""The check every data set on disk starts with."""

from pathlib import Path

from mfn.errors import ConfigError, DataError


def given_path(path: object, key: str = "root") -> Path:
    """A path that a configuration names, with `~` as the home folder it stands for.

    Args:
        path: As given; a number is the name of a folder that was read as one.
        key: What the configuration calls it, for messages.

    Raises:
        ConfigError: It is not given, empty, or no path.
        DataError: There is nothing, or it cannot be looked at.
    """
    if path is None or not str(path).strip():
        raise ConfigError(f"{key} must be given: where the data lies, as in {key}=DIR ('.' is the current folder)")
    if isinstance(path, bool) or not isinstance(path, str | Path | int):
        raise ConfigError(f"{key}={path} is no path: put it in quotes, as in {key}='\"{path}\"'")
    place = Path(str(path))
    try:
        place = place.expanduser()
        place.stat()
    except (OSError, RuntimeError, ValueError) as error:  # of ~ for nobody's home; of a zero byte
        missing = isinstance(error, FileNotFoundError | NotADirectoryError | RuntimeError | ValueError)
        why = "does not exist" if missing else f"cannot be opened ({error.strerror})"
        raise DataError(f"{path} {why}: give the folder that holds the data") from None
    return place


def existing_root(root: object, key: str = "root") -> Path:
    """`root` as a path, once it is a folder with something in it.

    Raises:
        ConfigError: It is not given, empty, or no path.
        DataError: It is missing, a file, cannot be opened, or has nothing in it.
    """
    folder = given_path(root, key)
    try:
        filled = next(folder.iterdir(), None) is not None
    except OSError as error:
        is_file = isinstance(error, NotADirectoryError)
        what = "is a file, not a folder" if is_file else f"cannot be opened ({error.strerror})"
        raise DataError(f"{root} {what}: give the folder that holds the data") from None
    if not filled:
        raise DataError(f"{root} is empty: give the folder that holds the data")
    return folder
