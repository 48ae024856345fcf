"""Soft-edged painting on a small picture whose pixels know where they lie on a face.

Shapes are signed distances (negative inside, in template pixels): `np.maximum` of two is their intersection,
`np.minimum` their union, `outline` a line along the edge.
"""

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from mfn.synthetic.person import Colour

_Number = TypeVar("_Number", float, np.ndarray)

TEMPLATE_SIZE = 112
_TURNING_POINT = 71.8  # v of the mean of the template's five points
_FEATURE_SLIDE = 0.7  # mean slide of the five points, as a share of that of the face's middle


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a head lies in the crop, and how pixels map to the face frame.

    The head is rolled, scaled and shifted in the plane. Then the face slides over the head by `slide`, most
    in the middle and not at all at the outline, as the texture of a turning ball does. Crops are aligned by
    the features, not by the head, so the head moves back by the features' mean slide.
    """

    roll: float
    scale: float
    shift: tuple[float, float]
    slide: tuple[float, float]
    head_centre: float  # v
    head_radii: tuple[float, float]

    def coordinates(self, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Face coordinates (u, v) of all pixels of a picture of size (H, W), each float32 (H, W)."""
        height, width = size
        unit = TEMPLATE_SIZE / height
        x = ((np.arange(width, dtype=np.float32) + 0.5 - width / 2) * unit - 0.5 - self.shift[0]) / self.scale
        y = ((np.arange(height, dtype=np.float32) + 0.5) * unit - 0.5 - _TURNING_POINT - self.shift[1]) / self.scale
        cos, sin = math.cos(self.roll), math.sin(self.roll)
        y = y[:, None]
        u = cos * x + (sin * y + _FEATURE_SLIDE * self.slide[0])
        v = (_TURNING_POINT + _FEATURE_SLIDE * self.slide[1] - sin * x) + cos * y
        bulge = self._bulge(u, v)
        np.maximum(bulge, 0.0, out=bulge)
        u -= self.slide[0] * bulge
        v -= self.slide[1] * bulge
        return u, v

    def pixels(self, u: float, v: float, size: tuple[int, int]) -> tuple[float, float]:
        """Column and row near the point (u, v) of the face, to within a quarter of the slide."""
        height, width = size
        unit = TEMPLATE_SIZE / height
        slide = max(0.0, self._bulge(u, v)) - _FEATURE_SLIDE
        u, v = u + self.slide[0] * slide, v + self.slide[1] * slide - _TURNING_POINT
        cos, sin = math.cos(self.roll), math.sin(self.roll)
        x = (cos * u - sin * v) * self.scale + self.shift[0] + 0.5
        y = (sin * u + cos * v) * self.scale + self.shift[1] + 0.5 + _TURNING_POINT
        return x / unit + width / 2 - 0.5, y / unit - 0.5

    def _bulge(self, u: _Number, v: _Number) -> _Number:
        across, down = u * (1.0 / self.head_radii[0]), (v - self.head_centre) * (1.0 / self.head_radii[1])
        return 1.0 - across * across - down * down


@dataclass(frozen=True, slots=True)
class Canvas:
    """A picture, or a window on one that shares its pixels.

    Attributes:
        colours: float32 (3, H, W) RGB in 0..1, painted in place.
        u: float32 (H, W), face coordinate to the right of each pixel, in pixels of the 112x112 template.
        v: float32 (H, W), the same downwards.
        pose: The pose that made u and v.
        unit: Side of a pixel in pixels of the template.
    """

    colours: np.ndarray
    u: np.ndarray
    v: np.ndarray
    pose: Pose
    unit: float

    @classmethod
    def blank(cls, size: tuple[int, int], pose: Pose) -> "Canvas":
        """An unpainted picture of size (H, W)."""
        return cls(np.empty((3, *size), np.float32), *pose.coordinates(size), pose, TEMPLATE_SIZE / size[0])

    def window(self, u: float, v: float, half_width: float, half_height: float) -> "Canvas":
        """The part of a whole picture that holds a box around the point (u, v) of the face."""
        size = self.u.shape[0], self.u.shape[1]
        lows, highs = (u - half_width, v - half_height), (u + half_width, v + half_height)
        corners = [self.pose.pixels(*at, size) for at in (lows, (lows[0], highs[1]), (highs[0], lows[1]), highs)]
        columns, rows = zip(*corners, strict=True)
        margin = 1.5 + 0.25 * (abs(self.pose.slide[0]) + abs(self.pose.slide[1])) / self.unit
        box = _inside(rows, margin), _inside(columns, margin)
        return Canvas(self.colours[:, *box], self.u[box], self.v[box], self.pose, self.unit)

    def paint(self, distance: np.ndarray, colour: Colour | np.ndarray, opacity: float = 1.0, edge: float = 1.0) -> None:
        """Lays a colour over the inside of a shape.

        Args:
            distance: Signed distance (H, W) to the shape's edge, negative inside.
            colour: One colour, or float32 (3, H, W).
            opacity: 0 leaves the picture as it is.
            edge: Width of the soft edge in template pixels; at least a pixel of the picture is taken.
        """
        cover = distance * (-1.0 / max(edge, self.unit))
        cover += 0.5
        np.maximum(cover, 0.0, out=cover)
        np.minimum(cover, 1.0, out=cover)
        if opacity != 1.0:
            cover *= opacity
        paint = colour if isinstance(colour, np.ndarray) else np.array(colour, np.float32)[:, None, None]
        change = paint - self.colours
        change *= cover
        self.colours[...] += change


def _inside(positions: tuple[float, ...], margin: float) -> slice:
    """Whole pixels that hold all positions and a margin, without those before the picture's start."""
    return slice(max(0, int(min(positions) - margin)), max(0, int(max(positions) + margin) + 1))


def darker(colour: Colour, factor: float) -> Colour:
    """A colour in shade (factor < 1), where it turns a little warmer, or in light (> 1)."""
    return colour[0] * factor, colour[1] * factor * 0.97, colour[2] * factor * 0.96


def ellipse(u: np.ndarray, v: np.ndarray, half_width: float, half_height: float) -> np.ndarray:
    """Distance to an ellipse around the origin, exact on its edge and to first order beside it."""
    across, down = u * (1.0 / half_width), v * (1.0 / half_height)
    level = across * across + down * down - 1.0
    across *= 2.0 / half_width
    down *= 2.0 / half_height
    return level / (np.sqrt(across * across + down * down) + 1e-3)


def squircle(
    u: np.ndarray, v: np.ndarray, half_width: float, half_height: float, squareness: float | np.ndarray
) -> np.ndarray:
    """Distance to an ellipse (squareness 0), on its way to its box (1) or with its sides drawn in (< 0).

    The shape is that of Fernández-Guasti, x² + y² - s x² y² = 1; beyond its box, where that formula closes
    other curves, the distance is that to the box.
    """
    across, down = u * (1.0 / half_width), v * (1.0 / half_height)
    across *= across
    down *= down
    level = np.maximum(across + down - squareness * across * down, np.maximum(across, down))
    return (np.sqrt(level) - 1.0) * min(half_width, half_height)


def between(values: np.ndarray, low: np.ndarray | float, high: np.ndarray | float) -> np.ndarray:
    """Distance to the strip low < values < high."""
    return np.maximum(low - values, values - high)


def outline(distance: np.ndarray, thickness: float) -> np.ndarray:
    """Distance to a line of a thickness along a shape's edge."""
    return np.abs(distance) - 0.5 * thickness
