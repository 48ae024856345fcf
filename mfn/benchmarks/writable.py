"""What of a verification set can be written down: the images its pairs need, as far as they can be decoded."""

import logging

import numpy as np

from mfn.benchmarks.verification import VerificationSet
from mfn.errors import BrokenImageError, DataError

logger = logging.getLogger(__name__)


def with_readable_images(pairs: VerificationSet) -> VerificationSet:
    """Keeps only the images that pairs need and that can be decoded.

    Raises:
        BrokenImageError: An image of a strict set cannot be decoded.
        DataError: No pair is left.
    """
    used = np.unique(pairs.pairs)
    broken = [index for index in used.tolist() if _is_broken(pairs, index)]
    kept = ~np.isin(pairs.pairs, broken).any(axis=1)
    if not kept.any():
        raise DataError(f"{pairs.name} has no pair whose images can both be decoded")
    return pairs.take(np.flatnonzero(kept))


def _is_broken(pairs: VerificationSet, index: int) -> bool:
    try:
        pairs.source.image(index)
    except BrokenImageError as error:
        if pairs.strict:
            raise
        logger.warning("%s; its pairs are left out", error)
        return True
    return False
