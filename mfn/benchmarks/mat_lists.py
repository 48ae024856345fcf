"""Lists of images with their persons in MATLAB's files, as TinyFace brings them."""

from pathlib import Path

import numpy as np

from mfn.benchmarks.mat_file import Value, read_mat
from mfn.errors import DataError


def read_mat_list(path: Path, images: str, people: str) -> list[tuple[str, int]]:
    """Reads the names of images and the number of the person on each.

    Args:
        path: A MATLAB file of versions 5 to 7.
        images: The variable of the names, a cell array or rows of characters.
        people: The variable of the numbers.

    Raises:
        DataError: The file is missing, is another, or has not one number for each name.
    """
    content = read_mat(path, (images, people))
    if lacking := [name for name in (images, people) if name not in content]:
        raise DataError(f"{path} has no variable {lacking[0]}: it should hold {images} and {people}")
    names, numbers = content[images], content[people]
    texts = [_text(name) for name in names] if isinstance(names, list) else []
    if not isinstance(numbers, np.ndarray) or not texts or None in texts or not _are_whole(numbers):
        raise DataError(f"{path} should hold image names in {images} and whole numbers in {people}")
    if len(texts) != numbers.size:
        raise DataError(f"{path} has {len(texts)} names in {images} and {numbers.size} numbers in {people}")
    return [(str(name), int(number)) for name, number in zip(texts, numbers.ravel("F").tolist(), strict=True)]


def _are_whole(numbers: np.ndarray) -> bool:
    values = numbers.astype(np.float64)
    return bool(np.isfinite(values).all() and (np.abs(values) < 2**53).all() and (values == np.round(values)).all())


def _text(value: Value | str | None) -> str | None:
    """The text in a cell, however deep it lies; None where there is none."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value.strip("\0 ") or None if isinstance(value, str) else None
