"""One photo and the faces found in it to a crop and what is known of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mfn.align.acquired import BROKEN, DEGENERATE, NO_FACE, SEVERAL
from mfn.align.choose import SEVERAL as SEVERAL_RULES
from mfn.align.choose import choose_face
from mfn.align.face import Face
from mfn.contract import InputContract
from mfn.errors import ConfigError, DataError
from mfn.images.quality import blur, is_grey, perceptual_hash
from mfn.recognition.finder import FaceFinder
from mfn.sources.fit import cut_middle

__all__ = ["BROKEN", "DEGENERATE", "NO_FACE", "SEVERAL", "AlignRules", "aligned", "jpeg", "measured"]


@dataclass(frozen=True, slots=True)
class AlignRules:
    """How a photo becomes a crop.

    Attributes:
        height: Rows of the crop.
        width: Columns of the crop: as many, or 96 at 112 rows for older networks.
        several: What becomes of a photo with several faces: skip | largest | central.
        missing: What becomes of a photo without: skip | centre (its middle is taken) | fail.
        quality: Of the JPEG, 1 to 100.

    Raises:
        ConfigError: A value out of range.
    """

    height: int = 112
    width: int = 112
    several: str = "skip"
    missing: str = "skip"
    quality: int = 95

    def __post_init__(self) -> None:
        if self.several not in SEVERAL_RULES:
            raise ConfigError(f"align.several={self.several} must be one of {', '.join(SEVERAL_RULES)}")
        if self.missing not in ("skip", "centre", "fail"):
            raise ConfigError(f"align.missing={self.missing} must be skip, centre or fail")
        if not 1 <= self.quality <= 100:
            raise ConfigError(f"quality={self.quality} must be from 1 to 100")

    @property
    def contract(self) -> InputContract:
        """Size and template of the crop."""
        return InputContract.for_size(self.height, self.width)


def aligned(
    photo: NDArray[np.uint8], faces: Sequence[Face], name: str, rules: AlignRules, finder: FaceFinder
) -> tuple[dict[str, Any], bytes]:
    """One photo's face as a crop.

    Args:
        photo: uint8 RGB (H, W, 3).
        faces: What was found in it.
        name: Of the photo, for messages.
        rules: Which face to take, and what crop to make of it.
        finder: Makes the crop.

    Returns:
        What is known of the row, by column, and the JPEG; it is empty where the columns have a reason.

    Raises:
        DataError: There is no face, under ``missing=fail``.
    """
    if not faces and rules.missing == "fail":
        raise DataError(f"{name} shows no face: take it out, or choose align.missing=skip or centre")
    face, crop, reason = choose_face(faces, photo.shape[:2], rules.several), None, ""
    if face is not None:
        crop = finder.crop(photo, face)
        reason = DEGENERATE if crop is None else ""
    elif faces:
        reason = SEVERAL
    elif rules.missing == "centre":
        crop = cut_middle(photo, (rules.height, rules.width))
    else:
        reason = NO_FACE
    columns = measured(photo, crop, reason) | {"faces": len(faces)}
    if face is not None:
        columns |= {"box": face.box, "points": face.points, "score": face.score, "found_by": face.found_by}
    return columns, b"" if crop is None else jpeg(crop, rules.quality)


def measured(
    photo: NDArray[np.uint8] | None, crop: NDArray[np.uint8] | None, reason: str = "", detail: str = ""
) -> dict[str, Any]:
    """What is known of a row by its pixels, by column.

    Args:
        photo: uint8 RGB (H, W, 3), None where it is broken.
        crop: What is judged, uint8 RGB, None where there is none.
        reason: Why the row is dropped.
        detail: What exactly is wrong with it.
    """
    known: dict[str, Any] = {"reason": reason, "detail": detail}
    if photo is not None:
        known |= {"height": photo.shape[0], "width": photo.shape[1]}
    if crop is not None:
        known |= {"blur": blur(crop), "grey": is_grey(crop), "hash": perceptual_hash(crop)}
    return known


def jpeg(crop: NDArray[np.uint8], quality: int) -> bytes:
    """A crop, uint8 RGB (H, W, 3), as a JPEG."""
    bgr = cv2.cvtColor(crop, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
