"""Embeddings to scores: joining a picture's with its mirror image's, cosines, and the other ways to write a cosine.

Everything is judged as cosines, -1 to 1, higher meaning more alike. Euclidean distance (0 to 2, of unit-length
embeddings) and angle (0 to 180 degrees) fall as the cosine rises, so they order pairs just the same; people who
have thresholds in them need them converted.
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfn.errors import ConfigError, DataError

Float = TypeVar("Float", bound=np.floating)

SCORES = ("cosine", "euclidean", "angle")


def unit(embeddings: NDArray[Float]) -> NDArray[Float]:
    """Embeddings (..., D) scaled to length 1; a zero embedding stays zero."""
    norms = np.linalg.norm(embeddings, axis=-1, keepdims=True)
    return embeddings / np.maximum(norms, np.finfo(embeddings.dtype).tiny)


def combine(plain: ArrayLike, flipped: ArrayLike | None = None, how: str = "sum") -> NDArray[np.float32]:
    """One unit-length embedding of each image from those of the image and of its mirror image.

    Args:
        plain: Raw embeddings, float (N, D).
        flipped: Raw embeddings of the mirrored images, float (N, D); not used by "none".
        how: "none" takes ``plain`` alone, "sum" adds (InsightFace's ``verification.py``), "concat" puts one behind the
            other (InsightFace's IJB scripts).

    Returns:
        float32 (N, D), or (N, 2 D) for "concat", unit length.

    Raises:
        ConfigError: An unknown way, or no mirrored embeddings.
    """
    if how not in ("none", "sum", "concat"):
        raise ConfigError(f"flip must be none, sum or concat, got {how!r}")
    first = np.asarray(plain, np.float32)
    if how == "none":
        return unit(first)
    if flipped is None:
        raise ConfigError(f"flip={how} needs the embeddings of the mirrored images")
    second = np.asarray(flipped, np.float32)
    return unit(first + second if how == "sum" else np.concatenate([first, second], axis=-1))


def cosine(first: ArrayLike, second: ArrayLike) -> NDArray[np.float32]:
    """Cosine of each row of ``first`` with the same row of ``second``, both (P, D) of any length, float32 (P,).

    Raises:
        DataError: The shapes differ.
    """
    one, two = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.shape != two.shape:
        raise DataError(f"embeddings to compare must have one shape, got {one.shape} and {two.shape}")
    return np.clip(np.einsum("...d,...d->...", unit(one), unit(two)), -1, 1).astype(np.float32)


def to_euclidean(cosines: ArrayLike) -> NDArray[np.float64]:
    """Distance of unit-length embeddings, 0 to 2, from cosines.

    An infinite cosine, the threshold that accepts nothing, becomes minus infinity: no distance is that small.
    """
    return _of_finite(cosines, lambda value: np.sqrt(2 - 2 * value))


def to_angle(cosines: ArrayLike) -> NDArray[np.float64]:
    """Angle in degrees, 0 to 180, from cosines; infinite ones as in `to_euclidean`."""
    return _of_finite(cosines, lambda value: np.degrees(np.arccos(value)))


def from_euclidean(distances: ArrayLike) -> NDArray[np.float64]:
    """Cosines from distances of unit-length embeddings, 0 to 2."""
    return 1 - np.square(np.asarray(distances, np.float64)) / 2


def from_angle(degrees: ArrayLike) -> NDArray[np.float64]:
    """Cosines from angles in degrees."""
    return np.cos(np.radians(np.asarray(degrees, np.float64)))


def convert(cosines: ArrayLike, score: str) -> NDArray[np.float64]:
    """Cosines written as one of `SCORES`.

    Raises:
        ConfigError: An unknown score.
    """
    if score not in SCORES:
        raise ConfigError(f"score must be one of {', '.join(SCORES)}, got {score!r}")
    ways = {"cosine": lambda value: np.asarray(value, np.float64), "euclidean": to_euclidean, "angle": to_angle}
    return ways[score](cosines)


def _of_finite(
    cosines: ArrayLike, function: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    values = np.asarray(cosines, np.float64)
    return np.where(np.isinf(values), -values, function(np.clip(values, -1, 1)))
