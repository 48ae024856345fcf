"""Integer weights that no processor's arithmetic can push beyond 16 bits.

x86 processors without VNNI multiply uint8 activations by int8 weights with ``pmaddubsw``, which adds two neighbouring
products in int16 and cuts the sum off at 32,767: 255 * (127 + 127) is twice that. Where no two neighbouring weights of
one sign add up to more than 128, nothing is ever cut off, and a file gives the same on every processor.
"""

from collections.abc import Sequence

import numpy as np

LARGEST_PAIR = 128
"""Of two weights of one sign: 255 * 128 = 32,640 is the largest such sum that int16 holds."""
_LARGEST, _HALF = 127, 64
_FINER = 1.004
"""Factor between two scales that are tried: half a step of the largest weight."""


def fitting_scales(weights: np.ndarray) -> np.ndarray:
    """The finest scale of each output channel with which no pair of its integer weights can saturate.

    Most channels keep more than the 7 bits that would do for all of them, since two large weights rarely are
    neighbours.

    Args:
        weights: float (O, I, height, width) of a convolution.

    Returns:
        float32 (O,); :func:`integers` of them keep to :data:`LARGEST_PAIR`.
    """
    largest = np.maximum(np.abs(weights).reshape(len(weights), -1).max(1), 1e-12)
    scales = np.maximum(largest / _LARGEST, pair_sums(weights) / LARGEST_PAIR).astype(np.float32)
    while (beyond := pair_sums(integers(weights, scales)) > LARGEST_PAIR).any():  # by rounding
        scales[beyond] = np.minimum(scales[beyond] * _FINER, largest[beyond] / _HALF)
    return scales


def integers(weights: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Weights (O, I, height, width) in steps of each output channel's scale (O,), as int8 in -127..127."""
    steps = weights.astype(np.float64) / scales[:, None, None, None]
    return np.clip(np.rint(steps), -_LARGEST, _LARGEST).astype(np.int8)


def scaled(steps: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """The inverse of :func:`integers`, float32."""
    return steps * scales[:, None, None, None].astype(np.float32)


def pair_sums(weights: np.ndarray) -> np.ndarray:
    """The largest magnitude that two neighbouring weights of one sign add up to, in each output channel.

    Kernels walk through a filter by channels or by places first, and some pad it in between; so pairs are those of
    both orders, from every start.

    Args:
        weights: (O, I, height, width), integers or floats.

    Returns:
        float64 (O,); 0 where a channel has a single weight.
    """
    weights = weights.astype(np.float64)
    orders = (weights.reshape(len(weights), -1), np.moveaxis(weights, 1, 3).reshape(len(weights), -1))
    signed = (part for rows in orders for part in (np.maximum(rows, 0), np.maximum(-rows, 0)))
    return np.max([(part[:, :-1] + part[:, 1:]).max(1, initial=0) for part in signed], axis=0)


def holds_on(weights: Sequence[np.ndarray]) -> str:
    """For which processors a file's integer convolutions are proven, by the bound on their weights, checked here.

    Args:
        weights: int8 (O, I, height, width) of every convolution whose kernels may add in 16 bits.
    """
    largest = int(max((pair_sums(each).max() for each in weights), default=0))
    sum_told = f"two neighbouring weights add up to {largest}"
    if largest > LARGEST_PAIR:
        return f"VNNI only: {sum_told}, and others' 16-bit sums hold {LARGEST_PAIR}"
    return f"any processor: {sum_told} at most, so that no 16-bit sum is cut off (checked in the file)"


def widened(runtime: str) -> str:
    """The same for a runtime that makes 16 bits of integers before it multiplies them."""
    return f"any processor: {runtime} widens integers to 16 bits before it multiplies (measured with and without VNNI)"
