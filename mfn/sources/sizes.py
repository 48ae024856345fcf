"""What sizes the images of a source have, looked at and told before anything is made of them."""

from collections import Counter

import numpy as np

from mfn.errors import BrokenImageError, DataError
from mfn.sources.fit import Fit
from mfn.sources.source import ImageSource

LOOKED_AT = 48
"""Images of a sample; a source of millions is not decoded to learn its sizes."""
RESIZE = "add fit=resize, which scales images and cuts them around the middle"
REMEDY = f"align photos with mfn prepare, or {RESIZE}"
_NAMED = 3
"""Sizes that a line names."""


def sample(count: int, most: int) -> list[int]:
    """Positions of a seeded sample, in order: all of `count` where they are not more than `most`."""
    return np.sort(np.random.default_rng(0).choice(count, min(count, most), replace=False)).tolist()


def check_sizes(
    images: ImageSource, fit: Fit, remedy: str = REMEDY, *, strict: bool = False, share: float = 0.5
) -> str:
    """Makes sure that images can be brought to the wanted size, before hours are spent on them.

    Args:
        images: As they are; broken ones are passed over here.
        fit: How they come to the wanted size.
        remedy: What to do about images that cannot be, to follow a colon.
        strict: Look at all images, and let none be refused, as where one alone ends a judgement anyway; otherwise a
            sample is looked at, and those that do not fit are left out when they come.
        share: Of the sample that may be refused; one image of several always may.

    Returns:
        The sizes found, the most frequent first, and what becomes of them: "112x112, cut to 112x96".

    Raises:
        DataError: Too many cannot be.
    """
    found, refused, first = Counter(), 0, ""
    for index in range(len(images)) if strict else sample(len(images), LOOKED_AT):
        try:
            height, width = images.image(index).shape[:2]
        except BrokenImageError:
            continue
        found[height, width] += 1
        if not fit.takes((height, width)):
            refused += 1
            first = first or f"{images.describe(index)} is {height}x{width}"
    looked_at = found.total()
    allowed = 0 if strict or looked_at < 2 else min(looked_at - 1, max(1, share * looked_at))
    if refused > allowed:
        others = f", and {refused - 1} more of the {looked_at} looked at do not fit" if refused > 1 else ""
        raise DataError(f"{first}, but {fit.sources}{others}: {remedy}")
    return _summary(fit, found)


def _summary(fit: Fit, found: Counter[tuple[int, int]]) -> str:
    """Says which sizes were found and what becomes of them."""
    if not found:
        return "none of the images looked at can be decoded"
    if len(found) == 1:
        ((size, _),) = found.items()
        return _line(size, "", fit.outcome(size))
    named = found.most_common(_NAMED)
    lines = [_line(size, f" ({count} of {found.total()} looked at)", fit.outcome(size)) for size, count in named]
    left = found.total() - sum(count for _, count in named)
    if left:
        lines.append(f"{len(found) - len(named)} other sizes ({left})")
    return "; ".join(lines)


def _line(size: tuple[int, int], count: str, becomes: str) -> str:
    return f"{size[0]}x{size[1]}{count}" + (f", {becomes}" if becomes else "")
