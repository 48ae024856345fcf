"""Photo -> faces -> aligned crops -> embeddings."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mfn.align.detector import Detector
from mfn.align.face import Face
from mfn.errors import BrokenImageError, ConfigError, DataError
from mfn.inference.embedder import FaceEmbedder
from mfn.inference.quality import quality_of
from mfn.metrics.scores import combine
from mfn.recognition.finder import FaceFinder
from mfn.recognition.in_parts import in_parts
from mfn.recognition.picture import Aligned, Photo, Picture, checked_pixels, read_pixels
from mfn.recognition.quality import Quality, measure
from mfn.text import printable

_MOST_BYTES = 600_000_000
"""Of decoded photos held at a time."""


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """One face.

    Attributes:
        box: float32 (4,), x and y of the upper left corner, width and height, in pixels of the picture.
        landmarks: float32 (5, 2), see `mfn.align.face.Face`.
        score: How sure the detector is, 0 to 1; NaN of a picture that came aligned.
        quality: Size, sharpness, pose and length of the embedding.
        crop: The aligned face, uint8 RGB, of the contract's size.
        embedding: float32 (D,), of unit length.
    """

    box: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    score: float
    quality: Quality
    crop: NDArray[np.uint8]
    embedding: NDArray[np.float32]


@dataclass(frozen=True, eq=False, slots=True)
class Seen:
    """One picture, looked at.

    Attributes:
        name: Of the picture.
        found: Its faces, the surest first.
        pixels: uint8 RGB (H, W, 3); None where it could not be read.
        problem: Why nothing could be looked for, in a sentence; "" where it was.
    """

    name: str
    found: list[Found]
    pixels: NDArray[np.uint8] | None = None
    problem: str = ""


class FacePipeline:
    """Finds the faces of photos and embeds them.

    Args:
        detector: Finds faces; None for pictures that are all aligned.
        embedder: The network with its contract.
        flip: What is done with the mirrored crop's embedding, none | sum | concat; None takes what the contract's
            threshold was measured with.
        batch_size: Pictures worked on at a time, and faces embedded at a time.

    Raises:
        ConfigError: There is no such way, or the batch is empty.
    """

    def __init__(
        self, detector: Detector | None, embedder: FaceEmbedder, *, flip: str | None = None, batch_size: int = 16
    ) -> None:
        self.embedder = embedder
        self.flip = flip or embedder.contract.threshold_flip or "none"
        if self.flip not in ("none", "sum", "concat"):
            raise ConfigError(f"flip must be none, sum or concat, got {flip!r}")
        if batch_size < 1:
            raise ConfigError(f"batch_size must be at least 1, got {batch_size}")
        self._batch = batch_size
        self._finder = FaceFinder(detector, embedder.contract) if detector is not None else None

    def __call__(self, picture: Picture | NDArray[np.uint8] | str | Path) -> list[Found]:
        """The faces of one picture, the surest first; an empty list where there is none.

        Args:
            picture: A path or pixels count as a photo; `mfn.recognition.picture.Aligned` says that it is a crop.

        Raises:
            BrokenImageError: A file cannot be decoded, or an aligned picture is of another size than the network takes.
            DataError: It is no picture.
            ConfigError: A photo, and there is no detector.
        """
        return self._look([self._picture(picture)])[0].found

    def many(self, pictures: Iterable[Picture | NDArray[np.uint8] | str | Path]) -> Iterator[Seen]:
        """Looks at pictures in turn, a batch at a time; one that cannot be read is told by its `Seen`."""
        for batch in in_parts(pictures, self._batch):
            yield from self._worked_on(batch)

    def embed(self, crops: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Embeddings of aligned crops, uint8 RGB (N, H, W, 3).

        Returns:
            float32 (N, D) of unit length (2 D where ``flip`` is concat), and the lengths they had, float64 (N,).
        """
        if not len(crops):
            dim = self.embedder.contract.embedding_dim * (2 if self.flip == "concat" else 1)
            return np.empty((0, dim), np.float32), np.empty(0)
        parts = [self._embed(crops[start : start + self._batch]) for start in range(0, len(crops), self._batch)]
        embeddings, norms = zip(*parts, strict=True)
        return np.concatenate(embeddings), np.concatenate(norms)

    def _embed(self, crops: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        pixels = torch.from_numpy(np.ascontiguousarray(crops))
        plain = self.embedder.raw(pixels).cpu().numpy()
        mirrored = None if self.flip == "none" else self.embedder.raw(pixels.flip(2)).cpu().numpy()
        if not np.isfinite(plain).all():
            raise DataError("the network gives NaN or infinity for a face: look at its file with mfn inspect")
        return combine(plain, mirrored, self.flip), quality_of(plain)

    def _worked_on(self, batch: Sequence[Picture | NDArray[np.uint8] | str | Path]) -> Iterator[Seen]:
        waiting: list[Picture] = []
        for picture in batch:
            try:
                opened = self._picture(picture)
            except DataError as error:
                yield from self._look(waiting)
                yield Seen(_name(picture), [], problem=str(error))
                waiting = []
                continue
            waiting.append(opened)
            if sum(each.pixels.nbytes for each in waiting) > _MOST_BYTES:
                yield from self._look(waiting)
                waiting = []
        yield from self._look(waiting)

    def _picture(self, picture: Picture | NDArray[np.uint8] | str | Path) -> Picture:
        if isinstance(picture, str | Path):
            picture = Photo(read_pixels(picture), printable(str(picture)))
        if not isinstance(picture, Photo | Aligned):
            picture = Photo(checked_pixels(picture))
        checked_pixels(picture.pixels, picture.name or "the picture")
        contract = self.embedder.contract
        if isinstance(picture, Aligned) and picture.pixels.shape[:2] != (contract.height, contract.width):
            raise BrokenImageError(
                f"{picture.name or 'the picture'} has {picture.pixels.shape[0]}x{picture.pixels.shape[1]} pixels, the "
                f"network takes aligned crops of {contract.height}x{contract.width}: is it a photo?"
            )
        if isinstance(picture, Photo) and self._finder is None:
            raise ConfigError("a photo needs a detector: give one, or say with Aligned(pixels) that it is a crop")
        return picture

    def _look(self, pictures: Sequence[Picture]) -> list[Seen]:
        """The faces of pictures, all of them embedded together."""
        faces = self._faces(pictures)
        crops = [self._crops(picture, each) for picture, each in zip(pictures, faces, strict=True)]
        every = [crop for each in crops for _, crop in each]
        if not every:
            return [Seen(picture.name, [], picture.pixels) for picture in pictures]
        rows = zip(*self.embed(np.stack(every)), strict=True)
        return [
            Seen(picture.name, [_found(face, crop, *next(rows)) for face, crop in each], picture.pixels)
            for picture, each in zip(pictures, crops, strict=True)
        ]

    def _faces(self, pictures: Sequence[Picture]) -> list[list[Face]]:
        photos = [picture for picture in pictures if isinstance(picture, Photo)]
        looked = self._finder.faces([p.pixels for p in photos], [p.name for p in photos]) if self._finder else []
        found = iter(looked)
        return [next(found) if isinstance(picture, Photo) else [self._whole(picture)] for picture in pictures]

    def _whole(self, picture: Aligned) -> Face:
        height, width = picture.pixels.shape[:2]
        box = np.array([0, 0, width, height], np.float32)
        return Face(box, np.array(self.embedder.contract.template, np.float32), float("nan"))

    def _crops(self, picture: Picture, faces: Sequence[Face]) -> list[tuple[Face, NDArray[np.uint8]]]:
        if isinstance(picture, Aligned) or self._finder is None:
            return [(faces[0], picture.pixels)]
        cut = [(face, self._finder.crop(picture.pixels, face)) for face in faces]
        return [(face, crop) for face, crop in cut if crop is not None]


def _name(picture: Picture | NDArray[np.uint8] | str | Path) -> str:
    if isinstance(picture, str | Path):
        return printable(str(picture))
    return picture.name if isinstance(picture, Photo | Aligned) else ""


def _found(face: Face, crop: NDArray[np.uint8], embedding: NDArray[np.float32], norm: float) -> Found:
    quality = measure(crop, face.points, float(norm), face.score)
    return Found(face.box, face.points, face.score, quality, crop, embedding)
