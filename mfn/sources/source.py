"""What a set of faces offers, wherever its pixels come from: what each must have, and what it may have beside it.

A source needs what `ImageSource` says, or `FaceSource` where people are told apart. The rest is optional. A source that
has it simply defines it, and whoever works on any source asks by the function behind it:

- ``encoded(index)``: the images are stored encoded; `is_encoded`, or `mfn.sources.encode.encoded`.
- ``content(index)`` and ``stored``: they are made from another source's; `is_made`, or `mfn.sources.content.content`.
- ``names``: each image has a short name, a path below the root or the key of a record; `names_of`.
- ``copies``: some images come again as a variant, behind all others, or None; `copies_of`.
- ``passed_over``: what was found there and is no image of a person; `passed_over_of`.
- ``stream``: images lie in parts, which come one after the other, or None; `stream_of`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeGuard

import numpy as np

from mfn.images.copies import Copies
from mfn.images.passed_over import PassedOver


class ImageSource(Protocol):
    """Images by position."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    def __len__(self) -> int: ...

    def image(self, index: int) -> np.ndarray:
        """Image `index` as uint8 (H, W, 3) RGB.

        Raises:
            BrokenImageError: It cannot be decoded.
        """
        ...

    def describe(self, index: int) -> str:
        """Where image `index` comes from, for messages: 'train.rec record 17', a path."""
        ...


class FaceSource(ImageSource, Protocol):
    """Images by position, each with the identity it shows."""

    @property
    def labels(self) -> np.ndarray:
        """Raw labels as the data has them, int64 (N,); they may have gaps."""
        ...

    @property
    def label_names(self) -> dict[int, str] | None:
        """A name for each raw label, or None where the data has none."""
        ...


class EncodedImages(ImageSource, Protocol):
    """Optional: the images are stored encoded."""

    def encoded(self, index: int) -> bytes:
        """The bytes of image `index` as they are stored.

        Raises:
            BrokenImageError: They cannot be read.
        """
        ...


class MadeImages(ImageSource, Protocol):
    """Optional: the images are made from another source's."""

    def content(self, index: int) -> bytes:
        """All that the pixels of image `index` are a function of."""
        ...

    @property
    def stored(self) -> bool:
        """Whether the other source's images are stored encoded."""
        ...


@dataclass(frozen=True, slots=True)
class Stream:
    """How images that lie in parts are read without reaching into all parts at a time.

    Attributes:
        images: The same images at the same positions, to be read part by part.
        parts: int64 (N,), the part of each.
        open_parts: How many parts images are taken from in turns.
        ahead: How many further parts may be fetched before they are needed.
        fetch: Brings a part here; called from several threads.
    """

    images: FaceSource
    parts: np.ndarray
    open_parts: int
    ahead: int
    fetch: Callable[[int], object]


def is_encoded(source: ImageSource) -> TypeGuard[EncodedImages]:
    """Whether the images are stored encoded; asked of the class, since it is asked for every image."""
    return hasattr(type(source), "encoded")


def is_made(source: ImageSource) -> TypeGuard[MadeImages]:
    """Whether the images are made from another source's."""
    return hasattr(type(source), "content")


def names_of(source: ImageSource) -> list[str]:
    """A short name for each image, or else where it comes from."""
    names: list[str] | None = getattr(source, "names", None)
    return [source.describe(index) for index in range(len(source))] if names is None else names


def copies_of(source: ImageSource) -> Copies | None:
    """The copies of a source that has some."""
    return getattr(source, "copies", None)


def passed_over_of(source: ImageSource) -> PassedOver:
    """What a source passed over; nothing where it does not count."""
    return getattr(source, "passed_over", None) or PassedOver()


def stream_of(source: ImageSource) -> Stream | None:
    """How the images of a source are to be streamed; None where any image can be reached at any time."""
    return getattr(source, "stream", None)
