"""Faces from which integer files learn the ranges of their activations."""

import logging
from pathlib import Path

import numpy as np

from mfn.contract import InputContract
from mfn.data.images import resize
from mfn.data.open_images import open_images
from mfn.errors import BrokenImageError, ConfigError, DataError, ExportError

log = logging.getLogger(__name__)


def calibration_faces(root: Path | str, contract: InputContract, count: int = 512, seed: int = 0) -> np.ndarray:
    """Draws aligned faces, seeded; broken ones are passed over, other sizes than the contract's resized.

    Args:
        root: An InsightFace pack, a folder of images, or a ``.bin`` verification pack; see `open_images`.
        contract: Of the network; says the size.
        count: Images to draw; all where there are fewer.
        seed: Of the draw.

    Returns:
        uint8 RGB (N, H, W, 3), N <= `count`.

    Raises:
        ExportError: There is no face at `root`, or `count` is not positive.
    """
    if count < 1:
        raise ExportError(f"calibration_count={count} must be at least 1")
    try:
        source = open_images(root)
    except (DataError, ConfigError) as error:
        raise ExportError(f"calibration={root} holds no aligned faces to calibrate on ({error})") from error
    faces, size = [], (contract.height, contract.width)
    for index in np.random.default_rng(seed).permutation(len(source)):
        try:
            image = source.image(int(index))
        except BrokenImageError as error:
            log.warning("calibration: %s; passed over", error)
            continue
        faces.append(image if image.shape[:2] == size else resize(image, size))
        if len(faces) == count:
            break
    if not faces:
        raise ExportError(f"calibration={root} holds no face that can be decoded")
    if len(faces) < count:
        log.info("calibration: %s holds %d faces, not %d", root, len(faces), count)
    return np.stack(faces)
