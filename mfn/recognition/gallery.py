"""People by name, and who of them a face shows."""

import dataclasses
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfn.contract import InputContract, MeasuredScores
from mfn.errors import ConfigError, DataError
from mfn.inference.embedder import FaceEmbedder
from mfn.metrics.comparisons import all_comparisons, fmr_points, fnmr_points
from mfn.metrics.identification import centroids
from mfn.recognition.approximate import Approximate, chosen, discard, index_file
from mfn.recognition.face_row import FaceRow, face_row, person_name
from mfn.recognition.gallery_file import GalleryFile, Person
from mfn.recognition.model_check import are_alike, check_model, identity_of
from mfn.recognition.pipeline import Found
from mfn.recognition.search import top_groups

WAYS = ("centroid", "image")
"""What a face is compared with: the mean of a person's images, or each of them."""


_UNIT = 1e-2
"""What a length of 1 may be off by, after it was stored with few bits."""


@dataclasses.dataclass(frozen=True, slots=True)
class Match:
    """Somebody whom a face may show.

    Attributes:
        name: Of the person.
        score: Cosine, -1 to 1.
    """

    name: str
    score: float


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class _Index:
    """The vectors in memory, as the file was at one moment."""

    version: tuple[int, int]
    names: list[str]
    rows: dict[str, tuple[NDArray[np.float32], NDArray[np.int64]]]
    graphs: dict[tuple[str, str], Approximate | None] = dataclasses.field(default_factory=dict)


class Gallery:
    """People and their faces in one file; see `open`.

    Attributes:
        path: The file.
        flip: What is done with the mirrored crop's embedding in it.
        contract: Of the network that it was made with.
        fingerprint: Of that network's file.
        dim: Length of its vectors.
    """

    def __init__(self, file: GalleryFile, embedder: FaceEmbedder | None) -> None:
        self._file, self._embedder = file, embedder
        self._index: _Index | None = None
        self._read_about()

    @classmethod
    def open(
        cls, path: Path | str, embedder: FaceEmbedder | None = None, *, flip: str | None = None, create: bool = True
    ) -> "Gallery":
        """Opens a gallery, or makes one.

        Args:
            path: The file.
            embedder: The network; without it people can be listed, renamed and removed, and nobody enrolled.
            flip: What is done with the mirrored crop's embedding; None takes the gallery's, and for a new one what the
                network's threshold was measured with.
            create: Make one where there is none, given an embedder.

        Raises:
            DataError: The file is missing, damaged, no gallery, of a newer mfn, or made with another network.
            ConfigError: `flip` is not the gallery's.
        """
        place = Path(path).expanduser()
        about = None
        if embedder is not None and create and not (os.path.isfile(place) and place.stat().st_size):  # noqa: PTH113
            about = identity_of(embedder, flip or embedder.contract.threshold_flip or "none")
        gallery = cls(GalleryFile(place, about), embedder)
        if embedder is not None:
            gallery.check(embedder, flip or gallery.flip)
        return gallery

    def __enter__(self) -> "Gallery":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends the work on the file."""
        self._file.close()

    def people(self) -> list[Person]:
        """Everybody enrolled, by name, with the number of their faces."""
        return self._file.people()

    def faces(self, name: str | None = None) -> list[FaceRow]:
        """Everything known of all faces, or of one person's."""
        return list(self._file.faces(name))

    def check(self, embedder: FaceEmbedder, flip: str) -> None:
        """Makes sure that embeddings of a network belong here.

        Raises:
            DataError: It is another network.
            ConfigError: The mirrored crop is used in another way.
        """
        check_model(self.path, self._about, embedder)
        if flip != self.flip:
            raise ConfigError(f"{self.path} was made with flip={self.flip}, not {flip}: leave flip out, or migrate it")

    def __len__(self) -> int:
        return len(self.people())

    def enroll(self, name: str, found: Found | Sequence[Found], *, source: str = "", keep_crops: bool = False) -> int:
        """Adds faces of one person.

        Args:
            name: Whom they show.
            found: Faces of a `FacePipeline` with the gallery's network and `flip`.
            source: Where they are from, for people to find the photo again.
            keep_crops: Keep the aligned crops, so that `migrate` needs no photo.

        Returns:
            How many were not there yet.

        Raises:
            DataError: The name is empty, or an embedding is of another length or not finite.
        """
        faces = [found] if isinstance(found, Found) else list(found)
        rows = [self.row(name, face, source, keep_crops) for face in faces]
        return self.add(rows)

    def row(self, name: str, face: Found, source: str = "", keep_crops: bool = False) -> FaceRow:
        """What is stored of a face.

        Raises:
            DataError: See `enroll`.
        """
        return face_row(name, face, self.dim, source, keep_crops)

    def add(self, rows: Sequence[FaceRow]) -> int:
        """Adds faces all at once; returns how many were not there yet."""
        with self._writing():
            return self._file.add(rows)

    def hold(self, faces: Sequence[tuple[str, bytes]]) -> list[bool]:
        """Whether these faces are there already, each a name and a `content_of` a crop."""
        return self._file.hold(faces)

    def remove(self, name: str) -> int:
        """Removes a person and overwrites what was stored; returns how many faces that were.

        Raises:
            DataError: Nobody of that name is there.
        """
        with self._file.writing():
            gone = self._file.remove(person_name(name))
        discard(self.path)
        return gone

    def rename(self, name: str, new: str) -> None:
        """Gives a person another name; if that is somebody's already, the two become one.

        Raises:
            DataError: Nobody of the first name is there, or the new one is empty.
        """
        with self._writing():
            self._file.rename(person_name(name), person_name(new))

    def merge(self, other: "Gallery") -> int:
        """Adds everybody of another gallery of the same network; returns how many faces were not there yet.

        Raises:
            DataError: It was made with another network.
        """
        if other.flip != self.flip or not are_alike(other._about, self._about):
            raise DataError(f"{other.path} was made with another network than {self.path}: migrate one of them first")
        return self.add(other.faces())

    def identify(
        self, faces: Found | Sequence[Found] | ArrayLike, *, k: int = 5, by: str = "centroid", search: str = "auto"
    ) -> list[list[Match]]:
        """The people that faces are most like.

        Args:
            faces: Faces of a pipeline, or embeddings of unit length, float (Q, D).
            k: How many people for each.
            by: ``"image"``: a person's score is that of the most alike image; ``"centroid"``: that of their mean.
            search: ``"exact"``; ``"approximate"``, which now and then misses somebody, and makes a file for itself
                beside the gallery; or ``"auto"``, see `mfn.recognition.approximate.chosen`.

        Returns:
            For each face its matches, best first; nothing in it where the gallery is empty. Whether the best one is
            the person at all is for a threshold to say, see `mfn.recognition.thresholds`.

        Raises:
            ConfigError: There is no such way or search, k is less than 1, or usearch is asked for and not there.
            DataError: Embeddings of another length, or the file for the search cannot be made.
        """
        if by not in WAYS:
            raise ConfigError(f"by must be one of {', '.join(WAYS)}, got {by!r}")
        if not isinstance(k, int) or k < 1:
            raise ConfigError(f"k must be a whole number of at least 1, got {k!r}")
        queries = _embeddings(faces)
        if queries.ndim != 2 or (len(queries) and queries.shape[1] != self.dim):
            raise DataError(f"{self.path} holds embeddings of {self.dim} numbers, asked with {queries.shape}")
        if not np.isfinite(queries).all() or (abs(np.linalg.norm(queries, axis=1) - 1) > _UNIT).any():
            raise DataError("embeddings to identify must be finite and of unit length")
        index = self._current()
        vectors, owner = index.rows[by]
        if not len(vectors) or not len(queries):
            return [[] for _ in range(len(queries))]
        if (by, search) not in index.graphs:
            index.graphs[by, search] = chosen(search, index_file(self.path, by), vectors, owner)
        graph = index.graphs[by, search]
        scores, owners = graph.top_groups(queries, k) if graph else top_groups(queries, vectors, owner, k)
        return [
            [Match(index.names[person], float(score)) for score, person in zip(*each, strict=True)]
            for each in zip(scores, owners, strict=True)
        ]

    def means(self, names: Sequence[str]) -> NDArray[np.float32]:
        """The mean of each person, float32 (N, D) of unit length; zeros for names that nobody has."""
        index = self._current()
        means, owners = index.rows["centroid"]
        row_of = {index.names[owner]: row for row, owner in enumerate(owners.tolist())}
        rows = [row_of.get(name, -1) for name in names]
        return np.concatenate([means, np.zeros((1, self.dim), np.float32)])[rows]

    def comparisons(self, by: str = "centroid") -> int:
        """With how many vectors a face is compared."""
        return len(self._current().rows[by][0])

    def scores(self) -> MeasuredScores | None:
        """How the gallery's own images score against one another; None where there are not two people."""
        vectors, owner = self._current().rows["image"]
        if len(np.unique(owner)) < 2:
            return None
        counts = all_comparisons(vectors, owner)
        genuine = counts.genuine if counts.genuine.any() else counts.impostor
        curves = fmr_points(counts.impostor), fnmr_points(genuine)
        numbers = int(counts.impostor.sum()), max(1, int(counts.genuine.sum()))
        return MeasuredScores(f"the people of {self.path.name}", self.flip, *numbers, *curves)

    def rewritten(
        self, embedder: FaceEmbedder, flip: str, rows: Sequence[FaceRow], of: Sequence[tuple[str, bytes]]
    ) -> None:
        """Puts faces of another network in the place of all that is there, in one step.

        Args:
            embedder: The network.
            flip: What is done with the mirrored crop's embedding from now on.
            rows: The faces under it.
            of: Name and content of each face that was there when the work began.

        Raises:
            DataError: Others have come or gone since.
        """
        with self._writing():
            if sorted(of) != sorted((face.name, face.content) for face in self._file.faces()):
                raise DataError(f"{self.path} was changed while it was migrated, and stays as it is: migrate it again")
            self._file.clear()
            self._file.set_about(identity_of(embedder, flip))
            self._file.add(rows)
        discard(self.path)
        self._embedder = embedder
        self._read_about()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """All or nothing, into the gallery that was opened: another process may have migrated it since.

        Raises:
            DataError: It has.
        """
        with self._file.writing():
            self._expect_as_opened()
            yield

    def _expect_as_opened(self) -> None:
        about = self._file.about()
        if any(about.get(key) != self._about[key] for key in ("fingerprint", "flip", "fixed")):
            raise DataError(
                f"{self.path} was migrated to another network since it was opened: open it again with that one"
            )

    def _read_about(self) -> None:
        self.path, self._about = self._file.path, self._file.about()
        if lacking := {"fingerprint", "contract", "flip", "fixed"} - set(self._about):
            raise DataError(f"{self.path} is damaged: it does not say its {', '.join(sorted(lacking))}")
        self.flip: str = self._about["flip"]
        self.contract = InputContract.from_dict(self._about["contract"])
        self.fingerprint: str = self._about["fingerprint"]
        self.dim = len(self._about["fixed"])

    def _current(self) -> _Index:
        """The vectors as the file has them now."""
        version = self._file.version()
        if self._index is None or self._index.version != version:
            self._expect_as_opened()
            vectors, owner, names = self._file.vectors(self.dim)
            means, owners = centroids(vectors, owner) if len(vectors) else (vectors, owner)
            self._index = _Index(version, names, {"image": (vectors, owner), "centroid": (means, owners)})
        return self._index


def _embeddings(faces: Any) -> NDArray[np.float32]:
    if isinstance(faces, Found):
        faces = [faces]
    if isinstance(faces, Sequence) and all(isinstance(face, Found) for face in faces):
        rows = [face.embedding for face in faces]
        return np.stack(rows) if rows else np.empty((0, 0), np.float32)
    return np.ascontiguousarray(faces, np.float32)
