"""What of a verification set can be written down: the images its pairs need, as far as they can be decoded."""

import dataclasses
import logging

import numpy as np

from mfn.data.subset import Subset
from mfn.data.verification import VerificationSet
from mfn.errors import BrokenImageError, DataError

logger = logging.getLogger(__name__)


def readable(pairs: VerificationSet) -> VerificationSet:
    """Keep only the images that pairs need and that can be decoded.

    Raises:
        BrokenImageError: an image of a strict set cannot be decoded.
        DataError: no pair is left.
    """
    used = np.unique(pairs.pairs)
    broken = [index for index in used.tolist() if _is_broken(pairs, index)]
    kept = ~np.isin(pairs.pairs, broken).any(axis=1)
    if not kept.any():
        raise DataError(f"{pairs.name} has no pair whose images can both be decoded")
    used, renumbered = np.unique(pairs.pairs[kept], return_inverse=True)
    return dataclasses.replace(
        pairs,
        source=Subset(pairs.name, pairs.source, used),
        pairs=renumbered.reshape(-1, 2),
        is_same=pairs.is_same[kept],
        fold_of=pairs.fold_of[kept],
        identities=None if pairs.identities is None else pairs.identities[used],
        groups=None if pairs.groups is None else pairs.groups[kept],
    )


def _is_broken(pairs: VerificationSet, index: int) -> bool:
    try:
        pairs.source.image(index)
    except BrokenImageError as error:
        if pairs.strict:
            raise
        logger.warning("%s; its pairs are left out", error)
        return True
    return False
