"""The images of a source as the first manifest, and what is no image to it."""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from mfn.data.copies import Copies, copies_of
from mfn.data.source import FaceSource
from mfn.prepare.manifest import Manifest


@runtime_checkable
class NamedImages(Protocol):
    """A source that has a short name for each of its images."""

    @property
    def names(self) -> list[str]:
        """A path below the root, or the key of a record, for each image."""
        ...


@runtime_checkable
class CountsPassedOver(Protocol):
    """A source that tells which files it found and did not take for images."""

    @property
    def passed_over(self) -> Sequence[tuple[str, str]]:
        """Path below the root, and reason, of each such file or folder."""
        ...


PASSED_OVER = "passed over: "
"""Begins the reason of what never was an image."""
_MOST_PASSED_OVER = 10_000
"""Rows of the index for each reason; all are counted in the report."""


def passed_over(source: FaceSource) -> Counter[str]:
    """How many files a source passed over, by reason."""
    return Counter(reason for _, reason in (source.passed_over if isinstance(source, CountsPassedOver) else ()))


def rows_passed_over(source: FaceSource, most: int = _MOST_PASSED_OVER) -> Manifest:
    """A row for each file that a source passed over, at most so many for each reason; the last one tells the rest."""
    names, reasons, details = list[str](), list[str](), list[str]()
    counts, listed = passed_over(source), Counter[str]()
    for name, reason in source.passed_over if isinstance(source, CountsPassedOver) else ():
        listed[reason] += 1
        if listed[reason] <= most:
            names.append(name)
            reasons.append(PASSED_OVER + reason)
            is_last = listed[reason] == most < counts[reason]
            details.append(f"and {counts[reason] - most} more" if is_last else "")
    people = [name.rpartition("/")[0].partition("/")[0] for name in names]
    columns = {"name": names, "identity": people, "reason": reasons, "detail": details}
    return Manifest(**{column: np.array(values, str) for column, values in columns.items()})


def photos_of(source: FaceSource) -> Manifest:
    """One row for each image, ordered by label and within a person as the source has them; no virtual copies.

    Identities have the names the source gives them; otherwise their labels, with zeros in front so that they sort as
    the numbers do.
    """
    copies = copies_of(source)
    rows = np.flatnonzero(copies.variants == "") if copies is not None else np.arange(len(source))
    rows = rows[np.argsort(source.labels[rows], kind="stable")]
    raw, inverse = np.unique(source.labels[rows], return_inverse=True)
    digits = len(str(raw.max(initial=0)))
    given = source.label_names or {}
    identities = np.array([given.get(label, f"{label:0{digits}d}") for label in raw.tolist()], str)
    names = source.names if isinstance(source, NamedImages) else [source.describe(i) for i in range(len(source))]
    return Manifest(name=np.array(names, str)[rows], identity=identities[inverse], row=rows)


def with_copies(manifest: Manifest, copies: Copies | None) -> Manifest:
    """The manifest of `photos_of` with a row for each virtual copy that the source has, behind its image's."""
    if copies is None:
        return manifest
    is_copy = copies.variants != ""
    place = np.empty(is_copy.size, np.int64)
    place[manifest.row] = np.arange(len(manifest))
    rows = np.concatenate([np.arange(len(manifest)), place[copies.origins[is_copy]]])
    variants = np.concatenate([manifest.variant, copies.variants[is_copy]])
    order = np.argsort(rows, kind="stable")
    return manifest.take(rows[order]).replace(variant=variants[order])
