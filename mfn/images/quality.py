"""What one aligned crop tells about itself: sharpness, colour, and a hash that near copies share.

All take uint8 (H, W, 3) RGB. None of the numbers means anything for crops of another size than the rest of the set.
"""

import cv2
import numpy as np

_HASH_IMAGE, _HASH_SIDE = 32, 8
_GREY_SPREAD = 2.0


def blur(image: np.ndarray) -> float:
    """The variance of the Laplacian of the grey image: low for blurred crops, high for sharp or noisy ones.

    It grows with the square of the contrast, so that very dark crops count as blurred too.

    Source: Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", 2000.
    """
    return float(cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_32F).var())


def is_grey(image: np.ndarray) -> bool:
    """Whether the three channels are the same but for what JPEG does to them.

    A mean spread between a pixel's highest and lowest channel below 2 of 255 counts as none; a toned picture, such as
    a sepia one, is not grey.
    """
    red, green, blue = cv2.split(image)
    highest = cv2.max(cv2.max(red, green), blue)
    lowest = cv2.min(cv2.min(red, green), blue)
    return bool(cv2.absdiff(highest, lowest).mean() < _GREY_SPREAD)


def perceptual_hash(image: np.ndarray) -> np.uint64:
    """64 bits that change little under scaling, recompression and brightness.

    pHash as the ImageHash package computes it: the 8x8 lowest frequencies of the cosine transform of the grey image at
    32x32, each compared with their median. Two images are near copies when few bits differ, see
    :func:`mfn.prepare.duplicates.near_duplicates`.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_HASH_IMAGE, _HASH_IMAGE), interpolation=cv2.INTER_AREA)
    low = cv2.dct(small.astype(np.float32))[:_HASH_SIDE, :_HASH_SIDE]
    bits = np.packbits(low > np.median(low))
    return np.uint64(int.from_bytes(bits.tobytes(), "big"))
