"""What a loader hands to the model."""

from typing import NamedTuple

from torch import Tensor


class FaceBatch(NamedTuple):
    """N images with their labels; N is smaller than asked for where images were broken.

    Attributes:
        images: uint8 (N, H, W, 3), RGB.
        labels: int64 (N,), classes 0..C-1 (-1 where images have no class).
        indices: int64 (N,), position of each image in its source.
        broken: (index, reason) of the images that could not be decoded and were left out.
    """

    images: Tensor
    labels: Tensor
    indices: Tensor
    broken: tuple[tuple[int, str], ...]
