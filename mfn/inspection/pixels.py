"""Looking at the images of a source: formats, sizes, damage."""

import os
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from mfn.errors import DataError
from mfn.images.decode import decode_with_warnings
from mfn.images.quality import is_grey
from mfn.sources.encode import encoded, suffix_of
from mfn.sources.source import ImageSource

_CHUNK = 4096


@dataclass(frozen=True, slots=True)
class _Look:
    """One whole image: format, (height, width), whether grey, bytes, and what its decoder says of damage."""

    form: str
    size: tuple[int, int]
    grey: bool
    length: int
    damage: str


def spread(count: int, most: int) -> NDArray[np.int64]:
    """Up to `most` positions spread evenly over 0..count-1, int64."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)


def look_at(source: ImageSource, positions: NDArray[np.int64]) -> tuple[dict[str, object], list[str]]:
    """Decodes images, with a thread for each core.

    Args:
        source: Where they are.
        positions: int64 (N,), at least one.

    Returns:
        Facts and problems.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        chunks = (positions[start : start + _CHUNK].tolist() for start in range(0, positions.size, _CHUNK))
        looks = list(chain.from_iterable(pool.map(lambda index: _look(source, index), chunk) for chunk in chunks))
    whole = [look for look in looks if look is not None]
    broken = [index for index, look in zip(positions.tolist(), looks, strict=True) if look is None]
    facts: dict[str, object] = {"looked at": f"{len(looks):,} of {len(source):,} images"}
    if whole:
        facts["formats"] = _shares(look.form for look in whole)
        facts["sizes (height x width)"] = _shares(f"{look.size[0]}x{look.size[1]}" for look in whole)
        facts["mean bytes"] = round(np.mean([look.length for look in whole]))
        facts["grey"] = f"{np.mean([look.grey for look in whole]):.1%}"
    facts["broken"] = len(broken)
    damaged = [index for index, look in zip(positions.tolist(), looks, strict=True) if look and look.damage]
    damaged = [
        index for index in damaged if (again := _look(source, index)) and again.damage
    ]  # alone, none hears others
    problems = [
        f"{len(found):,} of {len(looks):,} images looked at are {what}, such as "
        + ", ".join(source.describe(index) for index in found[:3])
        for what, found in (("broken", broken), ("damaged and taken as far as they go", damaged))
        if found
    ]
    return facts, problems


def _look(source: ImageSource, index: int) -> _Look | None:
    try:
        data = encoded(source, index)
        image, damage = decode_with_warnings(data)
    except DataError:  # a damaged record, or a broken image in a whole one
        return None
    return _Look(suffix_of(data).lstrip("."), image.shape[:2], is_grey(image), len(data), damage)


def _shares(values: Iterable[str], most: int = 3) -> str:
    counts = Counter(values)
    words = [f"{value} {number / counts.total():.0%}" for value, number in counts.most_common(most)]
    return ", ".join(words) + (f" and {len(counts) - most} others" if len(counts) > most else "")
