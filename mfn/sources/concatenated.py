"""Several sources of images as one: the images of each one after the other, then the virtual copies of each."""

from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate

import numpy as np

from mfn.sources.content import content, is_stored
from mfn.sources.encode import encoded
from mfn.sources.source import ImageSource, copies_of, names_of


class Rows:
    """Where the rows of several sources come in the one that they make; copies come last, as in each of them.

    Args:
        sources: With their copies, if any.
    """

    def __init__(self, *sources: ImageSource) -> None:
        images = [_images(source) for source in sources]
        copies = [len(source) - count for source, count in zip(sources, images, strict=True)]
        self._first = [*[0] * len(images), *images]
        self._counts = [*images, *copies]
        self._parts = [*range(len(images)), *range(len(images))]
        self._starts = [0, *accumulate(self._counts)]

    def __len__(self) -> int:
        return self._starts[-1]

    def place(self, row: int) -> tuple[int, int]:
        """Which source a row is of, and its row there."""
        stretch = bisect_right(self._starts, row) - 1
        return self._parts[stretch], self._first[stretch] + row - self._starts[stretch]

    def of(self, part: int) -> np.ndarray:
        """The rows of a source, int64, in its own order."""
        stretches = (part, part + len(self._parts) // 2)
        return np.concatenate([np.arange(self._starts[each], self._starts[each + 1]) for each in stretches])

    def parts(self, rows: np.ndarray) -> np.ndarray:
        """Which source each row is of, int64 like `rows`."""
        return np.array(self._parts, np.int64)[np.searchsorted(self._starts, rows, side="right") - 1]


class Concatenated:
    """Images of several sources, each with the name of its source before its own.

    Args:
        name: Of the whole.
        sources: By name.

    Attributes:
        rows: Where those of each source are.
    """

    def __init__(self, name: str, sources: Mapping[str, ImageSource]) -> None:
        self.name = name
        self.rows = Rows(*sources.values())
        self._titles = list(sources)
        self._sources = list(sources.values())

    def __len__(self) -> int:
        return len(self.rows)

    def image(self, index: int) -> np.ndarray:
        """Decodes image `index`: uint8 (H, W, 3) RGB; raises as its source does."""
        part, row = self.rows.place(index)
        return self._sources[part].image(row)

    def encoded(self, index: int) -> bytes:
        """Image `index` as it is stored, or as a PNG."""
        part, row = self.rows.place(index)
        return encoded(self._sources[part], row)

    def content(self, index: int) -> bytes:
        """What the pixels of image `index` are a function of."""
        part, row = self.rows.place(index)
        return content(self._sources[part], row)

    @property
    def stored(self) -> bool:
        """Whether the images of all sources are stored encoded."""
        return all(map(is_stored, self._sources))

    def describe(self, index: int) -> str:
        """Says where image `index` comes from."""
        part, row = self.rows.place(index)
        return f"{self._titles[part]}: {self._sources[part].describe(row)}"

    @property
    def names(self) -> list[str]:
        """The name of each image in its source, behind that of the source."""
        names = [""] * len(self)
        for part, (title, source) in enumerate(zip(self._titles, self._sources, strict=True)):
            for row, name in zip(self.rows.of(part).tolist(), names_of(source), strict=True):
                names[row] = f"{title}/{name}"
        return names


def _images(source: ImageSource) -> int:
    copies = copies_of(source)
    return len(source) if copies is None else int((copies.codes == 0).sum())
