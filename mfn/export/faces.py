"""The faces that a proof is made on."""

import logging
from collections.abc import Iterable

import numpy as np

from mfn.benchmarks.verification import VerificationSet
from mfn.contract import InputContract
from mfn.data.images import FaceImages
from mfn.errors import BrokenImageError, ConfigError
from mfn.synthetic.dataset import SyntheticFaces

log = logging.getLogger(__name__)

COUNT = 64


def parity_faces(
    benchmarks: Iterable[VerificationSet], calibration: np.ndarray | None, contract: InputContract
) -> np.ndarray:
    """Faces to compare embeddings on: of a benchmark, else of the calibration, else drawn ones.

    Returns:
        uint8 RGB (64, H, W, 3), fewer where there are fewer.

    Raises:
        BrokenImageError: An image of a strict benchmark cannot be used, or none of another.
    """
    size = (contract.height, contract.width)
    for benchmark in benchmarks:
        count = len(benchmark.source)
        places = np.linspace(0, count - 1, min(COUNT, count)).astype(int)
        faces = np.empty((len(places), *size, 3), np.uint8)
        images = FaceImages(benchmark.source, places, np.full(len(places), -1), size)
        read = images.read([(0, index) for index in range(len(places))], faces)
        if read.broken and (benchmark.strict or not read.indices):
            raise BrokenImageError(read.broken[0][1])
        return faces[: len(read.indices)]
    if calibration is not None:
        return calibration[:COUNT]
    log.info("parity is measured on synthetic faces: name a benchmark or a calibration set for real ones")
    drawn = SyntheticFaces(COUNT, 1, size)
    return np.stack([drawn.image(index) for index in range(COUNT)])


def first_folds(pairs: VerificationSet, folds: int | None) -> VerificationSet:
    """The pairs of the first folds alone, with the images they need; None: all.

    Raises:
        ConfigError: One fold: thresholds are picked on the others.
    """
    if folds is None:
        return pairs
    if folds < 2:
        raise ConfigError(f"folds={folds} must be at least 2: thresholds are picked on the other folds")
    return pairs.take(pairs.fold_of < folds)
