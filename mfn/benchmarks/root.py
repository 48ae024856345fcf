"""What every benchmark's configuration has: where it lies, and how to take it."""

from pathlib import Path

from mfn.errors import ConfigError


def given_root(root: str | Path | int | None, what: str) -> Path:
    """The place that a configuration names.

    Args:
        root: As given; a number is a folder's name that was read as one.
        what: It should be, for the message.

    Raises:
        ConfigError: It is not given, empty, or no path.
    """
    if root is None or root == "":
        raise ConfigError(f"benchmark.root must be given: {what}, as in benchmark.root=DIR ('.' is the current folder)")
    if isinstance(root, bool) or not isinstance(root, str | Path | int):
        raise ConfigError(f"benchmark.root={root} is no path: put it in quotes, as in benchmark.root='\"{root}\"'")
    return Path(str(root)).expanduser()


def given_images(images: str | int | None, name: str) -> Path | None:
    """The folder of a list's images that a configuration names, None where it names none.

    Raises:
        ConfigError: There is no such folder.
    """
    if images is None:
        return None
    folder = Path(str(images)).expanduser()
    if not folder.is_dir():
        raise ConfigError(f"benchmark.{name}.images={images} is no folder: give the one that holds the list's images")
    return folder


def checked_options(name: str, allow_missing: object, folds: object, odd_pairs: object = "keep") -> None:
    """Makes sure that a benchmark's options are of the right kind; words such as `no` would count as true.

    Raises:
        ConfigError: One is not.
    """
    if not isinstance(allow_missing, bool):
        raise ConfigError(f"benchmark.allow_missing={allow_missing} must be true or false")
    if folds is not None and (isinstance(folds, bool) or not isinstance(folds, int) or folds < 2):
        raise ConfigError(f"benchmark.{name}.folds={folds} must be null (the set's own) or a whole number from 2 on")
    if odd_pairs not in ("keep", "leave_out"):
        raise ConfigError(f"benchmark.{name}.odd_pairs={odd_pairs} must be keep or leave_out")


def checked_numbers(least: int, **numbers: object) -> None:
    """Makes sure that values are whole numbers from `least` on; None passes, where it means something.

    Raises:
        ConfigError: One is not; it is named by its key.
    """
    for key, value in numbers.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise ConfigError(f"{key}={value} must be a whole number and at least {least}")
