"""The text files of IJB-B and IJB-C as InsightFace lays them out, see `mfn.benchmarks.ijb`."""

import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mfn.errors import DataError


class Faces(NamedTuple):
    """N images, one for each face found.

    Attributes:
        images: str as objects (N,), file names.
        landmarks: float32 (N, 5, 2), x and y in pixels of the image.
        scores: float32 (N,), how sure the detector was.
        templates: int64 (N,), the template each belongs to.
        media: int64 (N,), the photo or video each comes from.
    """

    images: np.ndarray
    landmarks: np.ndarray
    scores: np.ndarray
    templates: np.ndarray
    media: np.ndarray


class Subjects(NamedTuple):
    """Templates with the person each shows.

    Attributes:
        templates: int64 (T,), ids, rising.
        people: int64 (T,).
    """

    templates: np.ndarray
    people: np.ndarray


def read_faces(landmarks_file: str, media_file: str) -> Faces:
    """Reads lines `image x1 y1 ... x5 y5 score` and lines `image template media`, of the same images in the same order.

    Raises:
        DataError: A file is missing, a line is another, the files differ.
    """
    faces = _table(landmarks_file, [("image", object), ("numbers", np.float32, 11)], ndmin=1)
    media = _table(media_file, [("image", object), ("template", np.int64), ("medium", np.int64)], ndmin=1)
    shorter = min(faces.size, media.size)
    differ = np.flatnonzero(faces["image"][:shorter] != media["image"][:shorter])
    if differ.size or faces.size != media.size:
        raise DataError(
            f"{landmarks_file} and {media_file} differ in line {[*differ, shorter][0] + 1}; "
            "both must list the same images in the same order"
        )
    points, scores = faces["numbers"][:, :10].reshape(-1, 5, 2), faces["numbers"][:, 10]
    return Faces(faces["image"], points, scores, media["template"], media["medium"])


def read_template_pairs(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Reads lines `template template label`: int32 (P, 2) and bool (P,), true where the label is not 0.

    Raises:
        DataError: The file is missing or a line is another.
    """
    rows = _table(path, np.int32, ndmin=2, usecols=(0, 1, 2))
    return rows[:, :2], rows[:, 2] != 0


def read_subjects(path: str) -> Subjects:
    """Reads a CSV `TEMPLATE_ID,SUBJECT_ID,...` with one line for each image of a template, or for each template.

    Raises:
        DataError: The file is missing, a line is another, a template is of two people.
    """
    rows = np.unique(_table(path, np.int64, ndmin=2, delimiter=",", skiprows=1, usecols=(0, 1)), axis=0)
    again = rows[1:, 0][rows[1:, 0] == rows[:-1, 0]]
    if again.size:
        raise DataError(f"{path} gives template {again[0]} to two people; a template shows one")
    return Subjects(rows[:, 0], rows[:, 1])


def _table(path: str, dtype: Any, **options: Any) -> np.ndarray:
    try:
        with Path(path).open(encoding="utf-8-sig") as file, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "loadtxt: input contained no data")  # told below
            rows = np.loadtxt(file, dtype=dtype, comments=None, **options)
    except OSError:
        raise DataError(f"{path} cannot be read; it belongs to the IJB meta files that InsightFace offers") from None
    except ValueError as error:
        raise DataError(f"{path} is not as it should be: {str(error).partition(';')[0]}") from None
    if not rows.size:
        raise DataError(f"{path} holds no lines; get the IJB meta files that InsightFace offers again")
    return rows
