"""The images of a source as the first manifest, and what is no image to it."""

from collections import Counter

import numpy as np

from mfn.images.copies import Copies
from mfn.images.passed_over import PassedOver
from mfn.prepare.manifest import Manifest
from mfn.sources.source import FaceSource, copies_of, names_of

PASSED_OVER = "passed over: "
"""Begins the reason of what never was an image."""


def rows_passed_over(passed: PassedOver) -> Manifest:
    """A row for each example of what a source passed over; the last one of a reason tells how many more there are."""
    examples = list(passed)
    listed = Counter(reason for _, reason in examples)
    last = {reason: row for row, (_, reason) in enumerate(examples)}
    details = [""] * len(examples)
    for reason, count in passed.counts.items():
        if (more := count - listed[reason]) > 0:
            details[last[reason]] = f"and {more} more"
    columns = {
        "name": [name for name, _ in examples],
        "identity": [name.rpartition("/")[0].partition("/")[0] for name, _ in examples],
        "reason": [PASSED_OVER + reason for _, reason in examples],
        "detail": details,
    }
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
    return Manifest(name=np.array(names_of(source), str)[rows], identity=identities[inverse], row=rows)


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
