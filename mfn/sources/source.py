"""What a set of faces offers, wherever its pixels come from: what each must have, and what it may have beside it.

A source needs `ImageSource`, or `FaceSource` where people are told apart. Everything else is optional: a source that
has it simply defines it, and code that works on any source asks by `copies_of`, `names_of`, `passed_over_of`,
`mfn.sources.encode.encoded` or `mfn.sources.content.content`.
"""

from typing import Protocol, runtime_checkable

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


@runtime_checkable
class EncodedImages(Protocol):
    """Optional: the images are stored encoded."""

    def encoded(self, index: int) -> bytes:
        """The bytes of image `index` as they are stored.

        Raises:
            BrokenImageError: They cannot be read.
        """
        ...


@runtime_checkable
class MadeImages(Protocol):
    """Optional: the images are made from another source's."""

    def content(self, index: int) -> bytes:
        """All that the pixels of image `index` are a function of."""
        ...

    @property
    def stored(self) -> bool:
        """Whether the other source's images are stored encoded."""
        ...


@runtime_checkable
class NamedImages(Protocol):
    """Optional: each image has a short name."""

    @property
    def names(self) -> list[str]:
        """A path below the root, or the key of a record, for each image."""
        ...


@runtime_checkable
class CopiedImages(Protocol):
    """Optional: some images come again as a variant, behind all others."""

    @property
    def copies(self) -> Copies | None:
        """What the rows show; None where nobody asked for copies."""
        ...


@runtime_checkable
class CountedSource(Protocol):
    """Optional: what was found and not taken is counted."""

    @property
    def passed_over(self) -> PassedOver:
        """What is damaged or no image of a person, as far as it is known without decoding all images."""
        ...


def names_of(source: ImageSource) -> list[str]:
    """A short name for each image, or else where it comes from."""
    if isinstance(source, NamedImages):
        return source.names
    return [source.describe(index) for index in range(len(source))]


def copies_of(source: ImageSource) -> Copies | None:
    """The copies of a source that has some."""
    return source.copies if isinstance(source, CopiedImages) else None


def passed_over_of(source: ImageSource) -> PassedOver:
    """What a source passed over; nothing where it does not count."""
    return source.passed_over if isinstance(source, CountedSource) else PassedOver()
