"""Landmarks and a template to the similarity transform between them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfn.errors import DataError

_SMALLEST = 1e-6
"""Spread of the points in pixels, and scale of the transform, below which there is nothing to align."""


def similarity_transform(points: ArrayLike, template: ArrayLike) -> NDArray[np.float64]:
    """The rotation, scale and shift that bring landmarks nearest to a template, in least squares; no mirroring.

    The same transform as Umeyama's (1991), which scikit-image and InsightFace use. In the plane it needs no singular
    values: with points and template as complex numbers around their means, z and w, the transform is w = a z with
    a = sum(conj(z) w) / ``sum(|z|^2)``.

    Args:
        points: Landmarks (x, y) in pixels of the photo, (N, K, 2), or (K, 2) for one face; K is 5 for faces.
        template: Where these belong on the crop, (K, 2), such as ``InputContract.template``.

    Returns:
        float64 (N, 2, 3), or (2, 3) for one face: maps (x, y, 1) of the photo to (x, y) of the crop.

    Raises:
        DataError: Shapes that do not fit, numbers that are not finite, or points without extent.
    """
    found, wanted = np.asarray(points, np.float64), np.asarray(template, np.float64)
    if wanted.ndim != 2 or found.ndim not in (2, 3) or found.shape[-2:] != wanted.shape or wanted.shape[1] != 2:
        raise DataError(
            f"landmarks must be (N, K, 2) or (K, 2) and the template (K, 2), got {found.shape} and {wanted.shape}"
        )
    with np.errstate(all="ignore"):  # what is not finite is refused below, by its number
        z, w = _complex(found), _complex(wanted)
        middle, target = z.mean(-1), w.mean()
        z = z - middle[..., None]
        spread = (np.abs(z) ** 2).sum(-1)
        a = (np.conj(z) @ (w - target)) / spread
    _refuse_degenerate(spread, a)
    shift = target - a * middle
    rows = [[a.real, -a.imag, shift.real], [a.imag, a.real, shift.imag]]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def _complex(points: NDArray[np.float64]) -> NDArray[np.complex128]:
    return points[..., 0] + 1j * points[..., 1]


def _refuse_degenerate(spread: NDArray[np.float64], a: NDArray[np.complex128]) -> None:
    usable = np.isfinite(spread) & (spread > _SMALLEST**2) & (np.abs(a) > _SMALLEST)
    if not usable.all():
        face = int(np.flatnonzero(~np.atleast_1d(usable))[0])
        raise DataError(
            f"the landmarks of face {face} have no extent or are not finite numbers, so nothing can be aligned to "
            "them; leave that face out"
        )
