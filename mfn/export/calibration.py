"""Faces from which integer files learn the ranges of their activations."""

import logging
from pathlib import Path

import numpy as np

from mfn.benchmarks.bin_pack import read_bin
from mfn.contract import InputContract
from mfn.errors import BrokenImageError, ConfigError, DataError, ExportError
from mfn.sources.fit import Fit, Fitted
from mfn.sources.image_folder import ImageFolder
from mfn.sources.open_faces import records_at
from mfn.sources.roots import existing_root, given_path
from mfn.sources.sizes import check_sizes
from mfn.sources.source import ImageSource

log = logging.getLogger(__name__)


def calibration_faces(
    root: Path | str, contract: InputContract, count: int = 512, seed: int = 0, fit: str = "exact"
) -> np.ndarray:
    """Draws aligned faces, seeded; broken ones and those whose size does not fit are passed over.

    Args:
        root: An InsightFace pack, a folder of images, or a ``.bin`` verification pack; see `open_images`.
        contract: Of the network; says the size.
        count: Images to draw; all where there are fewer.
        seed: Of the draw.
        fit: How images of another size come to the contract's, see `mfn.sources.fit.Fit`.

    Returns:
        uint8 RGB (N, H, W, 3), N <= `count`.

    Raises:
        ExportError: There is no face at `root` that can be used, or `count` is not positive.
    """
    if count < 1:
        raise ExportError(f"calibration_count={count} must be at least 1")
    try:
        source = open_images(root)
    except (DataError, ConfigError) as error:
        raise ExportError(f"calibration={root} holds no aligned faces to calibrate on ({error})") from error
    faces, broken, fitted = [], list[str](), Fitted(source, Fit((contract.height, contract.width), fit))
    try:
        log.info("calibration: %d images, %s", len(source), check_sizes(source, fitted.fit))
    except DataError as error:
        raise ExportError(f"calibration={root}: {error}") from error
    for index in np.random.default_rng(seed).permutation(len(source)):
        try:
            faces.append(fitted.image(int(index)))
        except BrokenImageError as error:
            broken.append(str(error))
            continue
        if len(faces) == count:
            break
    if broken:
        log.warning("calibration: passed over %d images, such as: %s", len(broken), broken[0])
    if not faces:
        raise ExportError(f"calibration={root} holds no face that can be decoded")
    if len(faces) < count:
        log.info("calibration: %s holds %d faces, not %d", root, len(faces), count)
    return np.stack(faces)


def open_images(root: str | Path, key: str = "root") -> ImageSource:
    """Opens the images at a place.

    Args:
        root: A `.bin` verification pack; an InsightFace pack or TFRecord files, the file or its folder; or a folder
            with images in it or in folders below it, see `find_images`.
        key: What the configuration calls it, for messages.

    Raises:
        ConfigError: It is not given, or no path.
        DataError: There is none of these.
    """
    place = given_path(root, key)
    if place.is_file() and place.suffix.lower() == ".bin":
        return read_bin(place).source
    return records_at(place) or ImageFolder(existing_root(place, key))
