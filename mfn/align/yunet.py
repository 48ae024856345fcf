"""YuNet: a light detector that OpenCV runs, with a model file that the user gives.

Wu et al. 2023, "YuNet: A Tiny Millisecond-level Face Detector". The file is ``face_detection_yunet_2023mar.onnx`` of
OpenCV's model zoo or a later one.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mfn.align.face import Face
from mfn.errors import ConfigError
from mfn.published.cache import fetched, is_name

LENIENT = 0.5
"""Least score for photos in which the usual one found nothing."""


class YuNetDetector:
    """Finds faces and five landmarks with YuNet.

    Args:
        model_path: The ONNX file, or ``yunet``, which ``mfn fetch yunet`` brings.
        score: Faces with a lower score are no faces.
        overlap: Share of the union of two boxes above which the less sure one goes.
        max_side: Photos with a longer side are shrunk to it for the search; None: never. YuNet was trained on faces
            of 10 to 300 pixels and misses larger ones.

    Raises:
        ConfigError: The model file is missing or is not YuNet, or an argument makes no sense.
    """

    def __init__(
        self, model_path: str | Path = "yunet", score: float = 0.9, overlap: float = 0.3, max_side: int | None = 640
    ) -> None:
        if is_name(model_path):
            model_path = fetched(str(model_path))
        if not Path(model_path).is_file():
            raise ConfigError(
                f"detector.model_path: {model_path} is missing; YuNet's weights are not part of mfn: `mfn fetch yunet` "
                "brings OpenCV's face_detection_yunet_2023mar.onnx, or choose detector=mtcnn, which needs no file"
            )
        if not 0 <= score <= 1 or not 0 <= overlap <= 1 or (max_side is not None and max_side < 1):
            raise ConfigError(
                f"detector: score and overlap lie between 0 and 1 and max_side is positive, got {score}, {overlap} and "
                f"{max_side}"
            )
        self.max_side = max_side
        self._made_with = (model_path, score, overlap, max_side)
        try:
            self._net = cv2.FaceDetectorYN.create(str(model_path), "", (320, 320), score, overlap)
            self._net.detect(np.zeros((320, 320, 3), np.uint8))
        except cv2.error as error:
            raise ConfigError(f"detector.model_path: OpenCV cannot run {model_path} as YuNet") from error

    def lenient(self) -> "YuNetDetector":
        """The same network with a least score of `LENIENT`, where that of this one is higher."""
        model_path, score, overlap, max_side = self._made_with
        return YuNetDetector(model_path, min(score, LENIENT), overlap, max_side)

    def __call__(self, images: Sequence[NDArray[np.uint8]], names: Sequence[str]) -> list[list[Face]]:
        """Finds the faces of photos, see `mfn.align.detector.Detector`; `names` are not looked at."""
        return [self._faces(image) for image in images]

    def _faces(self, image: NDArray[np.uint8]) -> list[Face]:
        height, width = image.shape[:2]
        shrink = min(1.0, (self.max_side or np.inf) / max(height, width))
        size = max(1, round(width * shrink)), max(1, round(height * shrink))
        shrunk = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if shrink < 1 else image
        with _quiet():
            self._net.setInputSize(size)
        _, found = self._net.detect(cv2.cvtColor(shrunk, cv2.COLOR_RGB2BGR))
        if found is None:
            return []
        # OpenCV says "right eye" of the person's own, which is the left one as one sees it: our order
        places = found[:, :14].reshape(-1, 7, 2) * (np.array([width, height]) / size)
        order = np.argsort(-found[:, 14], kind="stable")
        return [Face.rounded(places[i, :2].ravel(), places[i, 2:], found[i, 14]) for i in order]


@contextmanager
def _quiet() -> Iterator[None]:
    """OpenCV 5 warns at each size that its new graph engine chooses a target by itself, which is as it should be."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
