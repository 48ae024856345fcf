"""Images of a source, decoded, sized and augmented, many at a time."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mfn.data.augment import Augmentation
from mfn.data.sampler import SampleKey
from mfn.errors import BrokenImageError
from mfn.images.decode import decoding_many
from mfn.sources.fit import Fit
from mfn.sources.source import ImageSource, copies_of


class ReadImages(NamedTuple):
    """What was read of the images that were asked for.

    Attributes:
        indices: Of the rows written, in the order of the keys.
        broken: (position in the source, reason) of those left out.
        mirrored: Whether each of the rows shows the mirror image.
        lengths: Bytes of each row that are an encoded image, where some are; see `mfn.data.device_decode`.
    """

    indices: list[int]
    broken: "BrokenImages"
    mirrored: list[bool]
    lengths: Sequence[int] = ()


BrokenImages = tuple[tuple[int, str], ...]
"""(position in the source, reason) of images that could not be decoded or brought to the size."""


class FaceImages:
    """The images of a source at `positions`, with their classes, for training or judging.

    Args:
        source: Where images come from; its virtual copies become what they are before anything else.
        positions: int64 (N,), the images in it that take part.
        labels: int64 (N,), the class of each.
        image_size: (height, width) to give.
        fit: How images of another size come to it, see `Fit`; those it does not take count as broken.
        augment: Applied after that; a function of (seed, epoch, position in the source).
        seed: Of the augmentation and of the copies' noise.
    """

    def __init__(
        self,
        source: ImageSource,
        positions: np.ndarray,
        labels: np.ndarray,
        image_size: tuple[int, int],
        *,
        fit: str = "exact",
        augment: Augmentation | None = None,
        seed: int = 0,
    ) -> None:
        self.source = source
        self.positions = positions
        self.labels = labels
        self.image_size = image_size
        self.fit = Fit(image_size, fit)
        self.augment = augment
        self.seed = seed
        self._copies = copies_of(source)

    def __len__(self) -> int:
        return self.positions.size

    def read(self, keys: Sequence[SampleKey], out: np.ndarray) -> ReadImages:
        """Writes the images of `keys`, each (epoch, index), into the first rows of `out`.

        Args:
            keys: What to read.
            out: uint8 (at least len(keys), H, W, 3).

        Returns:
            Which rows were written, and what was left out.
        """
        read: list[int] = []
        mirrored: list[bool] = []
        broken: list[tuple[int, str]] = []
        augment, seed = self.augment, self.seed
        positions = self.positions[[index for _, index in keys]].tolist()
        with decoding_many():
            for (epoch, index), position in zip(keys, positions, strict=True):
                try:
                    image = self._image(position, epoch)
                except BrokenImageError as error:
                    broken.append((position, str(error)))
                    continue
                if augment is not None:
                    image = augment(image, seed=seed, epoch=epoch, index=position)
                    mirrored.append(augment.mirrored)
                out[len(read)] = image
                read.append(index)
        return ReadImages(read, tuple(broken), mirrored or [False] * len(read))

    def _image(self, position: int, epoch: int) -> np.ndarray:
        """One image as it is read, before augmentation."""
        image = self.source.image(position)
        if self._copies is not None:
            image = self._copies.apply(image, position, self.seed, epoch)
        if image.shape[:2] != self.image_size:
            image = self.fit(image, self.source.describe(position))
        return image
