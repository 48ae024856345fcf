"""Encoded photos to faces, in batches that a broken photo does not spoil."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mfn.recognition.picture import Aligned, Photo, Picture
from mfn.recognition.pipeline import FacePipeline, Seen
from mfn.serving.photo import strangers_pixels

_MOST_BYTES = 300_000_000
"""Of decoded photos held at a time."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A photo that somebody sent.

    Attributes:
        data: The file's bytes.
        name: For messages, as "the first photo".
    """

    data: bytes
    name: str


@dataclass(frozen=True, slots=True)
class Looker:
    """What looks at photos, some at a time. For one thread.

    Attributes:
        pipeline: Finds and embeds.
        most_pixels: That a photo may have.
        aligned: Pictures are crops, and no face is looked for.
    """

    pipeline: FacePipeline
    most_pixels: int
    aligned: bool = False

    def __call__(self, photos: Sequence[Encoded]) -> list[Seen | Exception]:
        """For each photo what was found, or why it could not be looked at."""
        found: dict[int, Seen | Exception] = {}
        waiting: dict[int, Picture] = {}
        for place, photo in enumerate(photos):
            try:
                pixels = strangers_pixels(photo.data, photo.name, self.most_pixels)
            except Exception as error:  # whatever a decoder does is this photo's alone
                found[place] = error
                continue
            waiting[place] = (Aligned if self.aligned else Photo)(pixels, photo.name)
            if sum(each.pixels.nbytes for each in waiting.values()) > _MOST_BYTES:
                found.update(zip(waiting, self._seen(list(waiting.values())), strict=True))
                waiting.clear()
        found.update(zip(waiting, self._seen(list(waiting.values())), strict=True))
        return [found[place] for place in range(len(photos))]

    def _seen(self, pictures: Sequence[Picture]) -> Iterator[Seen | Exception]:
        try:
            yield from list(self.pipeline.many(pictures))
        except Exception as error:  # one of them spoils the others: each by itself then
            if len(pictures) == 1:
                yield error
            else:
                for picture in pictures:
                    yield from self._seen([picture])
