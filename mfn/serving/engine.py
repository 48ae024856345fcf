"""What the API does, without HTTP: photos through a queue to faces, and questions to the gallery in the same thread."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from mfn.align.choose import choose_face
from mfn.errors import BrokenImageError, ConfigError, DataError, MfnError
from mfn.recognition.enrolment import Enrolment, Gate, admitted
from mfn.recognition.face_row import person_name
from mfn.recognition.gallery import WAYS, Gallery, Match
from mfn.recognition.naming import Named, named
from mfn.recognition.pipeline import FacePipeline, Found, Seen
from mfn.recognition.thresholds import Threshold
from mfn.recognition.verification import Compared, Shown, compared
from mfn.serving.batcher import Batcher, FullError
from mfn.serving.looking import Encoded, Looker
from mfn.serving.photo import MOST_PIXELS, TooManyPixelsError
from mfn.serving.refusal import RefusalError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Queue:
    """How photos wait.

    Attributes:
        batch: Photos that go through the network together.
        wait: Seconds that a photo waits for others.
        room: Photos that may wait.
    """

    batch: int = 8
    wait: float = 0.003
    room: int = 64


@dataclass(frozen=True, slots=True)
class Deciding:
    """How a similarity becomes an answer.

    Attributes:
        pair: The threshold of two photos.
        among: Tells the threshold of a gallery.
        band: Cosines this near to a threshold are not sure.
        gate: What a face must have to be enrolled.
        by: What faces are compared with, see `mfn.recognition.gallery.Gallery.identify`.
    """

    pair: Threshold
    among: Callable[[Gallery], Threshold]
    band: float = 0.0
    gate: Gate = field(default_factory=Gate)
    by: str = WAYS[0]


class Engine:
    """Everything that works. To be used within one event loop, from `start` to `stop`.

    Args:
        pipeline: Finds and embeds faces; its batch should be the queue's.
        gallery: Of the same network and flip; None without.
        deciding: Thresholds.
        queue: How photos wait.
        most_pixels: That a photo may have.
        aligned: Pictures are crops.
        told: Is told the size of each batch.
    """

    def __init__(
        self,
        pipeline: FacePipeline,
        gallery: Gallery | None,
        deciding: Deciding,
        *,
        queue: Queue | None = None,
        most_pixels: int = MOST_PIXELS,
        aligned: bool = False,
        told: Callable[[int], object] = lambda size: None,
    ) -> None:
        self.deciding = deciding
        self._gallery = gallery
        self._among: tuple[int, Threshold] | None = None
        queue = queue or Queue()
        look = Looker(pipeline, most_pixels, aligned)
        self._batcher = Batcher[Encoded, Seen](look, most=queue.batch, wait=queue.wait, room=queue.room, told=told)
        self.start, self.stop = self._batcher.start, self._batcher.stop

    @property
    def waiting(self) -> int:
        """Photos that nobody looks at yet."""
        return self._batcher.waiting

    async def look(self, *photos: Encoded) -> list[Seen]:
        """The faces of photos.

        Raises:
            RefusalError: A photo cannot be looked at, or too much waits.
        """
        try:
            seen = await self._batcher(*photos)
        except FullError:
            raise RefusalError(503, "too many photos wait: ask again in a second", {"Retry-After": "1"}) from None
        except TooManyPixelsError as error:
            raise RefusalError(413, str(error)) from None
        except BrokenImageError as error:
            raise RefusalError(400, str(error)) from None
        except MfnError as error:
            raise RefusalError(422, str(error)) from None
        return seen

    async def verify(self, first: Encoded, second: Encoded, several: str) -> tuple[Compared, Found, Found]:
        """Whether two photos show one person, and the two faces.

        Raises:
            RefusalError: See `look`; or one of them has no face, or several.
        """
        one, two = await self.look(first, second)
        faces = the_face(one, several), the_face(two, several)
        sides = [Shown(seen, face) for seen, face in zip((one, two), faces, strict=True)]
        return compared(sides[0], sides[1], self.deciding.pair.cosine, self.deciding.band), *faces

    async def identify(self, photo: Encoded, k: int) -> tuple[Seen, Threshold | None, list[Named]]:
        """The faces of a photo and who they are; no threshold while nobody is enrolled.

        Raises:
            RefusalError: See `look`; or no face was found, or there is no gallery.
        """
        self._there()
        (seen,) = await self.look(photo)
        if not seen.found:
            raise RefusalError(422, f"{photo.name}: no face was found")

        def ask(gallery: Gallery) -> tuple[Threshold | None, list[Named]]:
            threshold = self._threshold(gallery) if gallery.comparisons() else None
            cosine = 1.0 if threshold is None else threshold.cosine
            return threshold, named(gallery, seen.found, cosine, k=k, by=self.deciding.by, band=self.deciding.band)

        return seen, *await self.of_gallery(ask)

    async def enroll(self, name: str, photo: Encoded, source: str, several: str) -> "Added":
        """Puts a face into the gallery. What this returned is on the disk.

        Raises:
            RefusalError: See `look`; or there is no gallery, or the photo is not good enough.
        """
        self._there()
        name = known_name(name)
        (seen,) = await self.look(photo)
        refused = Enrolment()
        face = admitted(seen, name, self.deciding.gate, several, refused)
        if face is None:
            raise RefusalError(422, f"{photo.name}: {refused.refused[0].reason}")

        def add(gallery: Gallery) -> Added:
            row = gallery.row(name, face, source)
            added = gallery.add([row])
            images = len(gallery.faces(name))
            return Added(row.name, added, images, self._resembles(gallery, row.name, face), face)

        return await self.of_gallery(add)

    async def of_gallery(self, function: Callable[[Gallery], T]) -> T:
        """Asks the gallery something, in the worker thread.

        Raises:
            RefusalError: There is none, or it cannot be used.
        """
        gallery = self._there()
        try:
            return await self._batcher.alone(lambda: function(gallery))
        except DataError as error:
            raise RefusalError(503, str(error)) from error
        except MfnError as error:
            raise RefusalError(409, str(error)) from error

    def _there(self) -> Gallery:
        if self._gallery is None:
            raise RefusalError(409, "this server has no gallery: start it with --gallery FILE")
        return self._gallery

    def _resembles(self, gallery: Gallery, name: str, face: Found) -> list[Match]:
        """Others of the gallery whose name a stranger with this face would get."""
        try:
            least = self._threshold(gallery).cosine
        except ConfigError:  # no threshold is known for this network: enrolling goes on
            return []
        (matches,) = gallery.identify(face, by=self.deciding.by)
        return [match for match in matches if match.name != name and match.score >= least]

    def _threshold(self, gallery: Gallery) -> Threshold:
        """The gallery's threshold, found anew when faces came or went."""
        comparisons = gallery.comparisons(self.deciding.by)
        if self._among is None or self._among[0] != comparisons:
            self._among = comparisons, self.deciding.among(gallery)
        return self._among[1]


@dataclass(frozen=True, eq=False, slots=True)
class Added:
    """A face that was enrolled.

    Attributes:
        name: Of the person, as it is kept.
        added: 1, or 0 where it was there already.
        images: Faces of that person now.
        resembles: Others of the gallery whom it looks like.
        face: The face.
    """

    name: str
    added: int
    images: int
    resembles: list[Match]
    face: Found


def the_face(seen: Seen, several: str) -> Found:
    """The face that a photo is about.

    Raises:
        RefusalError: There is none, or nobody said which of several.
    """
    if not seen.found or seen.pixels is None:
        raise RefusalError(422, f"{seen.name}: no face was found")
    face = choose_face(seen.found, seen.pixels.shape[:2], several)
    if face is None:
        count = len(seen.found)
        raise RefusalError(422, f"{seen.name}: {count} faces were found, say with several=largest which one is meant")
    return face


def known_name(text: str) -> str:
    """A name that somebody gave.

    Raises:
        RefusalError: It is none.
    """
    try:
        return person_name(text)
    except DataError as error:
        raise RefusalError(422, str(error)) from None
