"""Photos to crops by a transform."""

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfn.align.similarity import similarity_transform
from mfn.contract import InputContract
from mfn.errors import DataError


def warp(
    image: NDArray[np.uint8], matrix: NDArray[np.float64], size: tuple[int, int], *, replicate: bool = False
) -> NDArray[np.uint8]:
    """Cuts a crop out of a photo as InsightFace's ``norm_crop`` does: bilinear, black outside of the photo.

    Args:
        image: uint8 (H, W, 3).
        matrix: float (2, 3), maps (x, y, 1) of the photo to (x, y) of the crop.
        size: Height and width of the crop.
        replicate: Continue the photo's border outside of it.

    Returns:
        uint8 ``(*size, 3)``, in the colour order of the photo.

    Raises:
        DataError: An image or a matrix of another kind.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size or matrix.shape != (2, 3):
        raise DataError(
            f"warp takes a uint8 image (H, W, 3) and a matrix (2, 3), got {image.dtype} {image.shape} and "
            f"{matrix.shape}"
        )
    border = cv2.BORDER_REPLICATE if replicate else cv2.BORDER_CONSTANT
    crop = cv2.warpAffine(image, matrix, (size[1], size[0]), flags=cv2.INTER_LINEAR, borderMode=border, borderValue=0)
    return np.asarray(crop, np.uint8)


def align_face(image: NDArray[np.uint8], points: ArrayLike, contract: InputContract) -> NDArray[np.uint8]:
    """Cuts one face out of a photo so that its landmarks lie where a network expects them.

    Args:
        image: uint8 (H, W, 3).
        points: The five landmarks (x, y) in pixels of the photo, (5, 2).
        contract: Says the template and the size.

    Returns:
        uint8 (contract.height, contract.width, 3).

    Raises:
        DataError: See `similarity_transform` and `warp`.
    """
    return warp(image, similarity_transform(points, contract.template), (contract.height, contract.width))
