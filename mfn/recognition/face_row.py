"""What a gallery stores of a face."""

import dataclasses
import hashlib
import unicodedata
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from mfn.errors import DataError
from mfn.recognition.pipeline import Found

BOX = ("box_x", "box_y", "box_width", "box_height")
"""Where in its photo a face was, among its measures."""
_LONGEST_NAME = 1000


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class FaceRow:
    """One enrolled face.

    Attributes:
        name: Whom it shows.
        vector: float32 (D,), of unit length.
        quality: Measures by name, see `mfn.recognition.quality.Quality`.
        source: Where the photo was, for people to find it again.
        content: Hash of the aligned crop; a person has each only once.
        crop: The aligned crop as PNG, where crops are kept.
    """

    name: str
    vector: NDArray[np.float32]
    quality: Mapping[str, float]
    source: str
    content: bytes
    crop: bytes | None = None


def face_row(name: str, face: Found, dim: int, source: str = "", keep_crops: bool = False) -> FaceRow:
    """A face as it is stored.

    Args:
        name: Whom it shows.
        face: Of a pipeline.
        dim: Length that its embedding must have.
        source: Where it is from.
        keep_crops: Keep the aligned crop.

    Raises:
        DataError: The name is empty, or the embedding is of another length or not finite.
    """
    vector = np.asarray(face.embedding, np.float32)
    if vector.shape != (dim,) or not np.isfinite(vector).all():
        raise DataError(f"the gallery takes embeddings of {dim} finite numbers, got {vector.shape}")
    png = cv2.imencode(".png", cv2.cvtColor(face.crop, cv2.COLOR_RGB2BGR))[1].tobytes() if keep_crops else None
    measures = {key: round(value, 5) for key, value in dataclasses.asdict(face.quality).items() if value == value}
    measures |= dict(zip(BOX, map(float, face.box), strict=True))
    return FaceRow(person_name(name), vector, measures, source, content_of(face.crop), png)


def content_of(crop: NDArray[np.uint8]) -> bytes:
    """A hash of an aligned crop."""
    return hashlib.blake2b(np.ascontiguousarray(crop).tobytes(), digest_size=16).digest()


def storable(text: str) -> str:
    """Text as a database takes it: letters composed, bytes that are no letters written out."""
    return unicodedata.normalize("NFC", text.encode("utf-8", "backslashreplace").decode("utf-8"))


def person_name(text: str) -> str:
    """A name that somebody gave.

    Raises:
        DataError: It is empty or a book.
    """
    name = storable(text).strip()
    if not name or len(name) > _LONGEST_NAME or "\0" in name:
        raise DataError(f"a person's name has from 1 to {_LONGEST_NAME} letters, got {name[:40]!r}")
    return name
