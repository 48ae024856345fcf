"""A server around a network and a detector that are simple enough to know what they answer."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from mfn.align.face import Face
from mfn.contract import ARCFACE_112, InputContract
from mfn.inference.embedder import FaceEmbedder
from mfn.recognition.enrolment import Gate
from mfn.recognition.gallery import Gallery
from mfn.recognition.pipeline import FacePipeline
from mfn.recognition.thresholds import Threshold
from mfn.serving.engine import Deciding, Engine, Queue

CONTRACT = InputContract(embedding_dim=192, threshold=0.5, threshold_far=0.001, threshold_flip="none")
SIZE = 112


class Corners(torch.nn.Module):
    """Embeds a crop as 8x8 of its pixels in three colours."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(images, 8).flatten(1) * self.weight


class Columns:
    """Finds a face in each 112 columns of a photo of 112 rows, and none in photos of other heights."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, images: Sequence[NDArray[np.uint8]], names: Sequence[str]) -> list[list[Face]]:
        self.sizes.append(len(images))
        return [
            [self._face(at) for at in range(image.shape[1] // SIZE)] if len(image) == SIZE else [] for image in images
        ]

    def _face(self, at: int) -> Face:
        points = np.array(ARCFACE_112, np.float32) + np.array([at * SIZE, 0], np.float32)
        return Face.rounded([at * SIZE, 0, SIZE, SIZE], points, 0.99)


def embedder() -> FaceEmbedder:
    return FaceEmbedder(Corners().eval(), CONTRACT)


def person(number: int, grain: int = 0) -> NDArray[np.uint8]:
    """A crop of a person: colours that are theirs, with some noise of one photo."""
    colours = np.random.default_rng(number).integers(20, 236, (8, 8, 3)).astype(np.uint8)
    face = cv2.resize(colours, (SIZE, SIZE), interpolation=cv2.INTER_NEAREST)
    noise = np.random.default_rng((number, grain)).integers(-20, 21, face.shape)
    return np.clip(face + noise, 0, 255).astype(np.uint8)


def png(*faces: NDArray[np.uint8]) -> bytes:
    """Faces beside one another as a file."""
    return cv2.imencode(".png", cv2.cvtColor(np.hstack(faces), cv2.COLOR_RGB2BGR))[1].tobytes()


NOBODY = png(np.full((60, 60, 3), 90, np.uint8))


def engine_maker(
    gallery: Path | None = None, *, queue: Queue | None = None, most_pixels: int = 10**6, band: float = 0.0
) -> Callable[[Callable[[int], object]], Engine]:
    """What makes the engine of an app."""
    network = embedder()
    pipeline = FacePipeline(Columns(), network, batch_size=8)
    opened = None if gallery is None else Gallery.open(gallery, network)
    threshold = Threshold(0.5, 0.001, "the tests'")
    deciding = Deciding(threshold, lambda asked: threshold, band, Gate(sharpness=None))
    return lambda told: Engine(pipeline, opened, deciding, queue=queue, most_pixels=most_pixels, told=told)
