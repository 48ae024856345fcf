"""The verification set of the people kept out of training."""

import numpy as np

from mfn.benchmarks.odd_pairs import settled
from mfn.benchmarks.pairs import pairs_from_identities, possible_pairs
from mfn.benchmarks.verification import VerificationSet, consecutive_folds
from mfn.errors import ConfigError
from mfn.sources.source import FaceSource
from mfn.sources.subset import Subset

FOLDS = 10


def held_out_set(source: FaceSource, positions: np.ndarray, max_pairs: int, seed: int) -> VerificationSet:
    """Draws pairs from the images at `positions`, in whole balanced folds.

    Two images of the same content make no pair that says anything: such pairs are counted, and left out as long as
    there are others.

    Args:
        source: Where the images are.
        positions: int64 (N,), the images of the held-out identities.
        max_pairs: Number of pairs, where the images make as many.
        seed: Of the draw.

    Raises:
        ConfigError: The images do not make one pair of each kind per fold.
    """
    labels = source.labels[positions]
    most = 2 * min(possible_pairs(labels))
    count = min(max_pairs, most) // (2 * FOLDS) * (2 * FOLDS)
    if count == 0:
        raise ConfigError(
            f"data.val_identities holds out {np.unique(labels).size} identities with {labels.size} images, "
            f"which make {most} balanced pairs, too few for {FOLDS} folds: raise it, or set it to 0 to judge "
            "on other data only"
        )
    pairs, is_same = pairs_from_identities(labels, count, seed)
    held_out = VerificationSet(
        "held_out",
        Subset("held_out", source, positions),
        pairs,
        is_same,
        consecutive_folds(count, FOLDS),
        identities=labels,
        strict=False,
    )
    # Of large sets most images are in no pair, and need not be embedded
    return settled(held_out.take(np.arange(count)), keep=False, unless_needed=True)
