"""The images of a source as the first manifest."""

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
