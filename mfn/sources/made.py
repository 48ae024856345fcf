"""Sources whose images are made from another's, one from each."""

from mfn.sources.content import is_stored
from mfn.sources.source import ImageSource


class MadeFrom:
    """What such a source takes over from the other; a subclass defines `image` and `content`."""

    def __init__(self, source: ImageSource) -> None:
        self.name = source.name
        self.source = source

    def __len__(self) -> int:
        return len(self.source)

    def describe(self, index: int) -> str:
        """Where image `index` comes from."""
        return self.source.describe(index)

    @property
    def stored(self) -> bool:
        """Whether looking at contents costs no decoding."""
        return is_stored(self.source)
