"""The threshold a network is used with."""

import numpy as np
from numpy.typing import NDArray

from mfn.errors import ConfigError
from mfn.evaluation.verification_result import VerificationResult


def check_far(name: str, is_same: NDArray[np.bool_], far: float) -> None:
    """Makes sure that a set has impostor pairs enough to know the threshold for a false accept rate.

    Raises:
        ConfigError: It has not, or the rate is none.
    """
    impostors = int(np.count_nonzero(~is_same))
    if not 0 < far < 1 or far * impostors < 1:
        raise ConfigError(
            f"store_threshold={far:g} cannot be measured on {name}: its {impostors} impostor pairs support "
            f"false accept rates from {1 / max(impostors, 1):.0e} on"
        )


def operating_threshold(result: VerificationResult, far: float) -> float:
    """The lowest cosine at which at most a share `far` of a set's impostor pairs is accepted.

    Raises:
        ConfigError: The set has too few impostor pairs to know, or no score keeps to it.
    """
    check_far(result.name, result.is_same, far)
    _, threshold = result.curve.at_far(far)
    if not np.isfinite(threshold):
        raise ConfigError(f"store_threshold={far:g}: on {result.name} no threshold keeps to it")
    return threshold
