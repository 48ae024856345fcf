"""Looking again, in other ways, at photos in which a detector found no face.

A photo without a face counts against whoever is judged on it (ISO/IEC 19795-1 calls it a failure to acquire), and most
of those that a detector misses show one: cut too narrowly, in profile, in bad light, or on their side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from mfn.align.detector import Detector
from mfn.align.face import Face
from mfn.align.views import AS_IT_IS, View, brought_back, padded, turned
from mfn.errors import ConfigError

PADDED, LOWER, TURNED = "padded", "lower_threshold", "turned"
WAYS = (PADDED, TURNED, LOWER)
"""Second tries by the same detector, by their names in a configuration, in an order that makes sense: with lower
thresholds a face on its side is seen too, but as an upright one, with its points in wrong places."""
_ROOM = padded(0.5)
_QUARTERS = {90: turned(1), 180: turned(2), 270: turned(3)}


@runtime_checkable
class Lenient(Protocol):
    """A detector that can also be asked for faces it is less sure of."""

    def lenient(self) -> Detector:
        """The same detector with lower thresholds."""
        ...


@dataclass(frozen=True, slots=True)
class Try:
    """One more look at a photo.

    Attributes:
        detector: Who looks.
        views: What at, by what a table calls it; of the views in which a face is found, the one with the surest counts.
    """

    detector: Detector
    views: Mapping[str, View]

    def faces(self, photo: NDArray[np.uint8], name: str) -> list[Face]:
        """The faces of a photo, uint8 RGB (H, W, 3), in its pixels, the surest first; each says how it was found."""
        best: list[Face] = []
        for called, view in self.views.items():
            found = self.detector([view.see(photo)], [name])[0]
            if found and (not best or found[0].score > best[0].score):
                matrix = view.back(*photo.shape[:2])
                best = [replace(brought_back(face, matrix), found_by=called) for face in found]
        return best


class SecondTry:
    """A detector that gives the photos in which it finds nothing to one try after another, until one finds a face.

    What the first look finds is the same with and without second tries.

    Args:
        detector: Looks first.
        tries: What is tried, in this order: ``padded`` (with a border), ``turned`` (by 90, 180 and 270
            degrees), ``lower_threshold`` (faces that the detector is less sure of), or the name of one of `others`.
        others: Further detectors by name.

    Raises:
        ConfigError: A try of another name, or one that this detector cannot do.
    """

    def __init__(
        self, detector: Detector, tries: Sequence[str] = WAYS, others: Mapping[str, Detector] | None = None
    ) -> None:
        self.detector = detector
        self.tries = [self._made(name, others or {}) for name in dict.fromkeys(tries)]

    def __call__(self, images: Sequence[NDArray[np.uint8]], names: Sequence[str]) -> list[list[Face]]:
        """Finds the faces of photos, see `mfn.align.detector.Detector`."""
        found = list(self.detector(images, names))
        for index, (photo, name) in enumerate(zip(images, names, strict=True)):
            looks = (one.faces(photo, name) for one in self.tries)
            found[index] = found[index] or next((faces for faces in looks if faces), [])
        return found

    def _made(self, name: str, others: Mapping[str, Detector]) -> Try:
        if name in others:
            return Try(others[name], {name: AS_IT_IS, f"{name}, padded": _ROOM})
        if name not in WAYS:
            raise ConfigError(f"second_try={name} must be {', '.join(WAYS)} or another detector")
        if not isinstance(self.detector, Lenient):
            raise ConfigError(
                f"second_try={name} asks the detector to look at the photo again, and {type(self.detector).__name__} "
                "does not look at photos: name another detector there, as second_try=[mtcnn]"
            )
        if name == PADDED:
            return Try(self.detector, {"padded": _ROOM})
        if name == LOWER:
            return Try(self.detector.lenient(), {"lower threshold": AS_IT_IS, "lower threshold, padded": _ROOM})
        return Try(self.detector, {f"turned by {degrees}": view for degrees, view in _QUARTERS.items()})
