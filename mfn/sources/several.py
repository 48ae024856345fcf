"""Several sources of faces in one run, with the people of each apart or one where names are the same."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from mfn.errors import BrokenImageError, ConfigError, DataError
from mfn.images.copies import Copies
from mfn.images.passed_over import PassedOver
from mfn.sources.concatenated import Concatenated
from mfn.sources.content import content
from mfn.sources.source import FaceSource, copies_of, passed_over_of, stream_of

Merge = Literal["apart", "by_name"]


class SeveralFaces(Concatenated):
    """The images of several sources: all of the first, then all of the second ...; virtual copies come last.

    Raw labels are numbered anew, so that labels of any size and sources that both begin at 0 go together.

    Args:
        sources: By the name that messages, metrics and the table of data give each.
        merge: "apart": two sources have no person in common, and a person is called SOURCE/NAME, or SOURCE/LABEL where
            a source has no names. "by_name": people of one name are one person, wherever they are.

    Attributes:
        parts: The sources, as given.
        merge: As given.
        labels: int64 (N,).
        label_names: The name of each label.
        copies: The virtual copies of all; None where no source has some.
        passed_over: What the sources passed over.
        shared: How many people are in more than one source.

    Raises:
        ConfigError: There is no source, or one whose images cannot be reached in any order.
        DataError: Two sources are the same images, or people are to be known by name and a source has no names.
    """

    def __init__(self, sources: dict[str, Any], merge: Merge = "apart") -> None:
        if not sources:
            raise ConfigError("data.sources is empty: name the sources, as in data=[ms1m,folder]")
        self.parts: dict[str, FaceSource] = dict(sources)
        for name, source in self.parts.items():
            if not hasattr(source, "labels"):
                raise ConfigError(f"data.sources.{name} is no source of faces: name one of the group source")
            if stream_of(source) is not None:
                raise ConfigError(
                    f"data.sources.{name} comes shard by shard, and several sources are mixed image by image: fetch "
                    "its shards to this machine, and leave open_shards out"
                )
        _refuse_twins(self.parts)
        super().__init__(" + ".join(self.parts), self.parts)
        self.merge: Merge = merge
        self.labels = np.empty(len(self), np.int64)
        self.label_names: dict[int, str] | None = {}
        known: dict[str, int] = {}
        held: list[np.ndarray] = []
        for part, (name, source) in enumerate(self.parts.items()):
            raw, inverse = np.unique(source.labels, return_inverse=True)
            if merge == "apart":
                labels = np.arange(raw.size) + len(self.label_names)
                calls = _titled(name, source, raw)
            else:
                calls = _names(name, source, raw)
                labels = np.array([known.setdefault(each, len(known)) for each in calls], np.int64)
            self.label_names.update(zip(labels.tolist(), calls, strict=True))
            self.labels[self.rows.of(part)] = labels[inverse]
            held.append(np.unique(labels))
        self.shared = int((np.bincount(np.concatenate(held)) > 1).sum())
        self.copies = _copies(self)
        self.passed_over = _passed_over(self.parts)


def _titled(title: str, source: FaceSource, raw: np.ndarray) -> list[str]:
    """What each person of a source is called where it has them for itself."""
    names = source.label_names or {}
    return [f"{title}/{names.get(label, label)}" for label in raw.tolist()]


def _names(title: str, source: FaceSource, raw: np.ndarray) -> list[str]:
    """The name of each person of a source.

    Raises:
        DataError: One has none.
    """
    names = source.label_names or {}
    if nameless := [label for label in raw.tolist() if label not in names]:
        raise DataError(
            f"data.merge=by_name knows people by their names, and data.sources.{title} has none for label "
            f"{nameless[0]} (a pack has them in names.txt): give it names, or set data.merge=apart"
        )
    return [names[label] for label in raw.tolist()]


def _copies(faces: SeveralFaces) -> Copies | None:
    parts = [copies_of(source) for source in faces.parts.values()]
    if all(copies is None for copies in parts):
        return None
    origins, codes = np.arange(len(faces)), np.zeros(len(faces), np.uint8)
    for part, copies in enumerate(parts):
        if copies is not None:
            rows = faces.rows.of(part)
            origins[rows], codes[rows] = rows[copies.origins], copies.codes
    return Copies(origins, codes)


def _passed_over(parts: Mapping[str, FaceSource]) -> PassedOver:
    found = PassedOver()
    for title, source in parts.items():
        of_part = passed_over_of(source)
        for name, reason in of_part:
            found.add(f"{title}: {name}", reason, 0)
        found.counts.update(of_part.counts)
    return found


def _refuse_twins(parts: Mapping[str, FaceSource]) -> None:
    """Makes sure that no two sources are the same images, whose people would be held for two.

    Raises:
        DataError: They are.
    """
    titles = list(parts)
    for place, one in enumerate(titles):
        for other in titles[place + 1 :]:
            if _are_twins(parts[one], parts[other]):
                raise DataError(
                    f"data.sources.{one} and data.sources.{other} hold the same images: leave one out; a larger share "
                    f"of the samples is data.weights.{one}=0.7"
                )


def _are_twins(one: FaceSource, other: FaceSource) -> bool:
    if len(one) != len(other) or not np.array_equal(one.labels, other.labels):
        return False
    return all(_content(one, row) == _content(other, row) for row in {0, len(one) // 2, len(one) - 1})


def _content(source: FaceSource, row: int) -> bytes:
    try:
        return content(source, row)
    except BrokenImageError:
        return b""
