"""Photos of strangers: an image of a source, once its bytes do not say that it is too large to decode."""

import numpy as np
from numpy.typing import NDArray

from mfn.images.bombs import refuse_bomb
from mfn.sources.source import ImageSource, is_encoded


def photo_at(source: ImageSource, index: int) -> NDArray[np.uint8]:
    """The pixels of a photo, uint8 RGB (H, W, 3).

    Raises:
        BrokenImageError: It cannot be decoded, or is too large to be.
    """
    if is_encoded(source):
        refuse_bomb(source.encoded(index))
    return source.image(index)
