"""Small photos with synthetic faces, and a detector that knows where these are."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from mfn.align.face import Face
from mfn.contract import ARCFACE_112


class MarkDetector:
    """Finds a face at every pure red pixel: its box starts there."""

    def __call__(self, images: Sequence[np.ndarray], names: Sequence[str]) -> list[list[Face]]:
        return [[self._face(x, y) for y, x in np.argwhere((image == (255, 0, 0)).all(2))] for image in images]

    def _face(self, x: int, y: int) -> Face:
        box = np.array([x, y, 56, 56], np.float32)
        return Face(box, np.array(ARCFACE_112, np.float32) / 2 + box[:2], 0.9)


def photo(seed: int, faces: int = 1) -> np.ndarray:
    """A smooth photo, uint8 (90, 120, 3) RGB, whose faces are marked; no two seeds look alike."""
    rng = np.random.default_rng(seed)
    image = cv2.resize(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8), (120, 90), interpolation=cv2.INTER_CUBIC)
    image = np.minimum(image, 250)
    for face in range(faces):
        image[10, 5 + 50 * face] = (255, 0, 0)
    return image


def write_photos(root: Path, people: dict[str, Sequence[int]], first_seed: int = 0) -> Path:
    """Writes ``root/PERSON/NN.png`` with as many faces as the numbers say; -1 writes a broken file."""
    for person, photos in people.items():
        (root / person).mkdir(parents=True)
        for number, faces in enumerate(photos):
            path = root / person / f"{number:02d}.png"
            if faces < 0:
                path.write_bytes(b"no image")
            else:
                cv2.imwrite(str(path), photo(first_seed, faces)[..., ::-1])
            first_seed += 1
    return root
