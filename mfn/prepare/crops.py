"""The images that rows of a manifest stand for, before a pack holds them."""

import numpy as np
from numpy.typing import NDArray

from mfn.errors import BrokenImageError
from mfn.images.decode import decode_rgb
from mfn.prepare.align_step import BROKEN
from mfn.prepare.manifest import Manifest
from mfn.prepare.shards import Shards
from mfn.sources.encode import encoded
from mfn.sources.source import FaceSource


class Crops:
    """The images of a manifest, a source of faces of its own; a virtual copy gives the image it is made of.

    Args:
        source: The photos.
        manifest: The rows; labels count its identities from 0 in the order in which they come.
        shards: Holds the aligned crops; None where images are taken as the source has them.
        places: int64 (len(source),), where each photo's row is in the shards.
    """

    def __init__(
        self, source: FaceSource, manifest: Manifest, shards: Shards | None, places: NDArray[np.int64]
    ) -> None:
        self.name = source.name
        self.manifest = manifest
        self.identities, self.labels = numbered(manifest.identity)
        self.label_names: dict[int, str] | None = dict(enumerate(self.identities))
        self._source = source
        self._shards = shards
        self._places = places

    def __len__(self) -> int:
        return len(self.manifest)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> "Crops":
        """The images of these rows, with labels of their own."""
        return self.of(self.manifest.take(rows))

    def of(self, manifest: Manifest) -> "Crops":
        """The images of another manifest of the same photos."""
        return Crops(self._source, manifest, self._shards, self._places)

    def encoded(self, index: int) -> bytes:
        """The crop of a row as a JPEG, or where nothing was aligned the bytes of the source."""
        row = int(self.manifest.row[index])
        return encoded(self._source, row) if self._shards is None else self._shards.crop(int(self._places[row]))

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
        for look in (self.image, lambda row: self._source.image(int(self.manifest.row[row]))):
            try:
                return look(index)
            except BrokenImageError:
                continue
        return None

    def describe(self, index: int) -> str:
        """Names the photo of a row."""
        return self._source.describe(int(self.manifest.row[index]))


def numbered(names: NDArray[np.str_]) -> tuple[list[str], NDArray[np.int64]]:
    """Distinct names in the order in which they first come, and the number of each name among them, int64 (N,)."""
    distinct, first, inverse = np.unique(names, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    return distinct[order].tolist(), rank[inverse]
