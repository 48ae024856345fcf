"""The stages of `data.size_schedule` as one types them."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any


def size_stages(value: Any) -> Any:
    """Stages as pairs of a size and a share of the run: ``64:0.5,96:0.8``, or a list of such texts or of pairs.

    Raises:
        ValueError: A part is neither.
    """
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, Sequence) or not parts:
        raise ValueError("input should be stages")
    return [_pair(part) for part in parts]


def rising_stages(stages: Sequence[tuple[int, float]]) -> Any:
    """The same stages.

    Raises:
        ValueError: A size or a share is no more than the one before it.
    """
    for before, after in pairwise(stages):
        if before[0] >= after[0] or before[1] >= after[1]:
            raise ValueError("sizes and shares should rise")
    return tuple(stages)


def _pair(part: Any) -> Any:
    if not isinstance(part, str):
        return part
    size, colon, share = part.strip().partition(":")
    if not colon:
        raise ValueError("input should be SIZE:SHARE")
    return int(size), float(share)
