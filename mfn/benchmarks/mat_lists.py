"""Lists of images with their persons in MATLAB's files, as TinyFace brings them."""

from pathlib import Path
from typing import Any

import numpy as np

from mfn.errors import DataError, first_line


def read_mat_list(path: Path, images: str, people: str) -> list[tuple[str, int]]:
    """Reads the names of images and the number of the person on each; nothing in the file is run.

    Args:
        path: A MATLAB file up to version 7 (7.3 is another format).
        images: The variable of the names, a cell array or rows of characters.
        people: The variable of the numbers.

    Raises:
        DataError: The file is missing, is another, or has not one number for each name.
    """
    from scipy.io import loadmat  # slow to import, and only for these sets

    try:
        content = loadmat(path, variable_names=[images, people], appendmat=False)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or first_line(error)})") from None
    except NotImplementedError:
        raise DataError(f"{path} is a MATLAB file of version 7.3: save it there with -v7") from None
    except Exception as error:  # a damaged file may raise anything
        raise DataError(f"{path} is no MATLAB file ({first_line(error)}): get the file again") from None
    if lacking := [name for name in (images, people) if name not in content]:
        raise DataError(f"{path} has no variable {lacking[0]}: it should hold {images} and {people}")
    names = [_text(name) for name in np.ravel(content[images])]
    numbers = np.ravel(content[people])
    if not names or None in names or numbers.dtype.kind not in "iuf" or (numbers != np.round(numbers)).any():
        raise DataError(f"{path} should hold image names in {images} and whole numbers in {people}")
    if len(names) != len(numbers):
        raise DataError(f"{path} has {len(names)} names in {images} and {len(numbers)} numbers in {people}")
    return [(str(name), int(number)) for name, number in zip(names, numbers, strict=True)]


def _text(value: Any) -> str | None:
    """The text in a cell, however deep it lies; None where there is none."""
    while isinstance(value, np.ndarray) and value.size == 1:
        value = value.ravel()[0]
    return value.strip() or None if isinstance(value, str) else None
