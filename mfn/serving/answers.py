"""What the API answers, as JSON and in its description."""

import math
from typing import Any

from pydantic import BaseModel, Field

from mfn.recognition.naming import Named
from mfn.recognition.pipeline import Found
from mfn.recognition.thresholds import Threshold


class Problem(BaseModel):
    """Why there is no other answer."""

    error: str = Field(description="One sentence.")


class Health(BaseModel):
    """The server runs."""

    status: str


class FaceQuality(BaseModel):
    """How much a face can be trusted to show who it is."""

    overall: float = Field(description="0 to 1, of all below but the norm.")
    eye_distance: float | None = Field(description="Pixels between the eyes in the photo; null for an aligned crop.")
    sharpness: float = Field(description="Variance of the Laplacian of the aligned crop.")
    turn: float = Field(description="0 from the front, about 0.3 half turned away.")
    norm: float = Field(description="Length of the raw embedding.")


class OneFace(BaseModel):
    """A face in a photo. Pixels are those of the photo turned as its camera says."""

    box: list[float] = Field(description="x, y, width, height in pixels.")
    landmarks: list[list[float]] = Field(description="Left eye, right eye, nose, left and right mouth corner.")
    score: float | None = Field(description="How sure the detector is, 0 to 1; null for an aligned crop.")
    quality: FaceQuality
    embedding: list[float] | None = Field(None, description="Of unit length, where it was asked for.")

    @classmethod
    def of(cls, face: Found, embedding: bool = False) -> "OneFace":
        """What is told of a face."""
        return cls(**_plain(face), embedding=face.embedding.tolist() if embedding else None)


class Faces(BaseModel):
    """All faces of a photo."""

    width: int
    height: int
    faces: list[OneFace] = Field(description="The surest first.")


class Chosen(BaseModel):
    """The threshold of an answer."""

    cosine: float
    fmr: float | None = Field(description="False match rate of one comparison there; null where nobody measured it.")
    source: str
    warning: str

    @classmethod
    def of(cls, threshold: Threshold) -> "Chosen":
        """What is told of a threshold."""
        return cls(cosine=threshold.cosine, fmr=threshold.fmr, source=threshold.source, warning=threshold.warning)


class Verified(BaseModel):
    """Whether two photos show one person."""

    answer: str = Field(description="same | different | not sure")
    similarity: float = Field(description="Cosine of the two faces, -1 to 1.")
    threshold: Chosen
    first: OneFace
    second: OneFace


class Likely(BaseModel):
    """Somebody whom a face may show."""

    name: str
    score: float = Field(description="Cosine, -1 to 1.")


class NamedFace(OneFace):
    """A face and who it is."""

    answer: str = Field(description="known | unknown | not sure")
    name: str | None = Field(description="null where the face is not known.")
    matches: list[Likely] = Field(description="The people it is most like, whatever the threshold says.")

    @classmethod
    def who(cls, face: Found, named: Named) -> "NamedFace":
        """What is told of a face that was looked for in a gallery."""
        answer, name = ("known", named.name) if named.is_known else (named.name, None)
        likely = [Likely(name=match.name, score=match.score) for match in named.matches]
        return cls(**_plain(face), embedding=None, answer=answer, name=name, matches=likely)


class Identified(BaseModel):
    """Who is on a photo."""

    width: int
    height: int
    threshold: Chosen | None = Field(description="null while nobody is enrolled.")
    faces: list[NamedFace]


class Enrolled(BaseModel):
    """A face that is in the gallery now."""

    name: str
    added: int = Field(description="1, or 0 where this very face was there already.")
    images: int = Field(description="Faces of that person now.")
    resembles: list[Likely] = Field(description="Others of the gallery whose name this face would get.")
    face: OneFace


class OnePerson(BaseModel):
    """Somebody enrolled."""

    name: str
    images: int


class People(BaseModel):
    """Everybody enrolled, by name."""

    people: list[OnePerson]


class EnrolledFace(BaseModel):
    """What is kept of a face, but its vector."""

    source: str
    quality: dict[str, float]


class PersonFaces(OnePerson):
    """Somebody enrolled, and the faces."""

    faces: list[EnrolledFace]


class Removed(BaseModel):
    """Somebody who is no longer there."""

    name: str
    removed: int = Field(description="Faces that were overwritten.")


def _plain(face: Found) -> dict[str, Any]:
    quality = face.quality
    return {
        "box": face.box.tolist(),
        "landmarks": face.landmarks.tolist(),
        "score": _told(face.score),
        "quality": FaceQuality(
            overall=quality.overall,
            eye_distance=_told(quality.eye_distance),
            sharpness=quality.sharpness,
            turn=quality.turn,
            norm=quality.norm,
        ),
    }


def _told(value: float) -> float | None:
    """JSON knows no NaN."""
    return None if math.isnan(value) else value
