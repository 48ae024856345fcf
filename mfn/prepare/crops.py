"""The images that rows of a manifest stand for, before a pack holds them."""

import numpy as np
from numpy.typing import NDArray

from mfn.errors import BrokenImageError
from mfn.images.decode import decode_rgb
from mfn.prepare.align_step import BROKEN
from mfn.prepare.manifest import Manifest
from mfn.prepare.shards import Shards
from mfn.sources.encode import encoded
from mfn.sources.made import MadeFrom
from mfn.sources.source import FaceSource, ImageSource


class AlignedPhotos(MadeFrom):
    """The photos of a source as they were aligned.

    Args:
        source: The photos.
        rows: int64 (N,), position in the source of each photo that was worked on.
        shards: Holds their crops, in the order of the rows.
    """

    def __init__(self, source: FaceSource, rows: NDArray[np.int64], shards: Shards) -> None:
        super().__init__(source)
        self._shards = shards
        self._places = np.full(len(source), -1, np.int64)
        self._places[rows] = np.arange(rows.size)

    def encoded(self, index: int) -> bytes:
        """The crop of photo `index` as a JPEG."""
        return self._shards.crop(int(self._places[index]))

    def image(self, index: int) -> NDArray[np.uint8]:
        """Its pixels, uint8 (H, W, 3) RGB.

        Raises:
            BrokenImageError: There is no crop of it.
        """
        return decode_rgb(self.encoded(index))


class Crops:
    """The images of a manifest, a source of faces of its own; a virtual copy gives the image it is made of.

    Args:
        photos: As they were aligned, or as the source has them where nothing was.
        manifest: The rows; labels count its identities from 0 in the order in which they come.
    """

    def __init__(self, photos: ImageSource, manifest: Manifest) -> None:
        self.name = photos.name
        self.manifest = manifest
        self.identities, self.labels = numbered(manifest.identity)
        self.label_names: dict[int, str] | None = dict(enumerate(self.identities))
        self._photos = photos

    def __len__(self) -> int:
        return len(self.manifest)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> "Crops":
        """The images of these rows, with labels of their own."""
        return self.of(self.manifest.take(rows))

    def of(self, manifest: Manifest) -> "Crops":
        """The images of another manifest of the same photos."""
        return Crops(self._photos, manifest)

    def encoded(self, index: int) -> bytes:
        """The crop of a row as a JPEG, or where nothing was aligned the bytes of the source."""
        return encoded(self._photos, int(self.manifest.row[index]))

    def image(self, index: int) -> NDArray[np.uint8]:
        """The pixels of a row, uint8 (H, W, 3) RGB.

        Raises:
            BrokenImageError: They cannot be decoded.
        """
        return decode_rgb(self.encoded(index))

    def picture(self, index: int) -> NDArray[np.uint8] | None:
        """What there is to see of a row: its crop, else its photo, None where that is broken."""
        if self.manifest.reason[index] == BROKEN:
            return None
        try:
            return self.image(index)
        except BrokenImageError:
            pass
        photos = self._photos.source if isinstance(self._photos, AlignedPhotos) else self._photos
        try:
            return photos.image(int(self.manifest.row[index]))
        except BrokenImageError:
            return None

    def describe(self, index: int) -> str:
        """Names the photo of a row."""
        return self._photos.describe(int(self.manifest.row[index]))


def numbered(names: NDArray[np.str_]) -> tuple[list[str], NDArray[np.int64]]:
    """Distinct names in the order in which they first come, and the number of each name among them, int64 (N,)."""
    distinct, first, inverse = np.unique(names, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    return distinct[order].tolist(), rank[inverse]
