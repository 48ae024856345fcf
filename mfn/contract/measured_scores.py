"""How the scores of a network fell on a set of faces: what thresholds are taken from, long after the set is gone."""

import math
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from mfn.errors import CheckpointError, ConfigError

Points = tuple[tuple[float, float], ...]
_MOST_POINTS = 1000
_MUST = "contract.measured must be measured scores"


@dataclass(frozen=True, slots=True)
class MeasuredScores:
    """Two curves and how many comparisons they come from.

    Attributes:
        source: The set of faces, as ``lfw``.
        flip: What was done with the mirrored image's embedding: none | sum | concat.
        impostors: How many comparisons of two people.
        genuine: How many of one.
        fmr: (share, cosine): at that cosine and above lies that share of the impostor comparisons. Shares fall, the
            last one is a single comparison's; cosines rise.
        fnmr: (share, cosine): below that cosine lies that share of the genuine comparisons. Shares and cosines fall.

    Raises:
        ConfigError: A value that makes no sense.
    """

    source: str
    flip: str
    impostors: int
    genuine: int
    fmr: Points
    fnmr: Points

    def __post_init__(self) -> None:
        for name, count in (("impostors", self.impostors), ("genuine", self.genuine)):
            if not isinstance(count, int) or isinstance(count, bool) or count < 1:
                raise ConfigError(f"{_MUST}: {name} is a whole number of comparisons, got {reprlib.repr(count)}")
        if not isinstance(self.source, str) or self.flip not in ("none", "sum", "concat"):
            raise ConfigError(f"{_MUST}: source is a name, and flip none, sum or concat")
        for name, points, rising in (("fmr", self.fmr, True), ("fnmr", self.fnmr, False)):
            if not _is_curve(points, rising):
                raise ConfigError(f"{_MUST}: {name} are points (share, cosine) with falling shares")

    @property
    def least_fmr(self) -> float:
        """The lowest false match rate that so many comparisons can show."""
        return 1 / self.impostors

    def fmr_at(self, threshold: float) -> float:
        """The false match rate of one comparison at a threshold.

        Between two points its logarithm is interpolated. Above the last one it goes on falling as it did over the last
        tenfold: real curves fall ever faster, so that this is more than the rate itself.
        """
        points = self.fmr
        if threshold < points[0][1]:
            return 1.0
        for (rate, cosine), (next_rate, next_cosine) in pairwise(points):
            if threshold <= next_cosine:
                share = (threshold - cosine) / (next_cosine - cosine) if next_cosine > cosine else 1.0
                return math.exp(math.log(rate) + share * (math.log(next_rate) - math.log(rate)))
        return points[-1][0] * math.exp(self._slope() * (threshold - points[-1][1]))

    def threshold_at(self, fmr: float) -> float:
        """The lowest cosine that keeps a comparison's false match rate, at most 1; see `fmr_at`.

        Raises:
            ConfigError: The rate is none.
        """
        if not 0 < fmr <= 1:
            raise ConfigError(f"a false match rate lies between 0 and 1, got {fmr:g}")
        points = self.fmr
        if fmr >= points[0][0]:
            return points[0][1]
        for (rate, cosine), (next_rate, next_cosine) in pairwise(points):
            if fmr >= next_rate:
                share = (math.log(rate) - math.log(fmr)) / (math.log(rate) - math.log(next_rate))
                return cosine + share * (next_cosine - cosine)
        return min(1.0, points[-1][1] + (math.log(fmr) - math.log(points[-1][0])) / self._slope())

    def _slope(self) -> float:
        """How fast the logarithm of the rate falls with the cosine, over the last tenfold; below 0."""
        last_rate, last = self.fmr[-1]
        far = [cosine for rate, cosine in self.fmr if rate >= 10 * last_rate and cosine < last]
        return -math.log(10) / max(1e-3, last - far[-1]) if far else -math.log(10) / 0.1

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, strings and lists."""
        curves = {"fmr": [list(point) for point in self.fmr], "fnmr": [list(point) for point in self.fnmr]}
        return {
            "source": self.source,
            "flip": self.flip,
            "impostors": self.impostors,
            "genuine": self.genuine,
            **curves,
        }

    @classmethod
    def from_dict(cls, plain: Any) -> "MeasuredScores":
        """The inverse of `to_dict`, for values of whatever origin.

        Raises:
            CheckpointError: A value is missing or makes no sense.
        """
        names = ("source", "flip", "impostors", "genuine", "fmr", "fnmr")
        if not isinstance(plain, Mapping) or not set(names) <= set(plain):
            raise CheckpointError(f"{_MUST}, with {', '.join(names)}")
        curves = {name: _points(plain[name]) for name in ("fmr", "fnmr")}
        try:
            return cls(*(plain[name] for name in names[:4]), **curves)
        except ConfigError as error:
            raise CheckpointError(str(error)) from error


def _points(plain: Any) -> Any:
    if not isinstance(plain, Sequence) or isinstance(plain, str):
        return ()
    return tuple(tuple(point) if isinstance(point, list | tuple) else point for point in plain)


def _is_curve(points: Points, rising: bool) -> bool:
    if not isinstance(points, tuple) or not 0 < len(points) <= _MOST_POINTS:
        return False
    for point in points:
        if not isinstance(point, tuple) or len(point) != 2 or not all(isinstance(v, int | float) for v in point):
            return False
        if not 0 < point[0] <= 1 or not abs(point[1]) <= 1.001:
            return False
    falls = all(one[0] > two[0] for one, two in pairwise(points))
    ordered = (one[1] <= two[1] if rising else one[1] >= two[1] for one, two in pairwise(points))
    return falls and all(ordered)
