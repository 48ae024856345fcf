"""Templates, each a person in several images, judged in pairs and searched for in galleries."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mfn.benchmarks.ijb_tables import Subjects
from mfn.errors import DataError
from mfn.evaluation.identification import IdentificationResult
from mfn.metrics.identification import identify
from mfn.metrics.verification import Roc, roc

FARS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
_BLOCK = 100_000
"""Pairs scored at a time."""


@dataclass(frozen=True, slots=True)
class TemplateVerification:
    """How well pairs of templates are told apart. Thresholds are cosines.

    Attributes:
        name: The set.
        pairs: How many pairs were kept.
        genuine: How many of them are of one person.
        left_out: How many were not, a template having lost all its images.
        missing: Images that were not there or are broken.
        area: Area under the ROC curve.
        eer: Equal error rate.
        tar: True accept rate at each false accept rate that the number of impostor pairs supports.
        thresholds: Threshold at each of these.
        curve: Every operating point.
        notes: What to know of the figures, a sentence each.
    """

    name: str
    pairs: int
    genuine: int
    left_out: int
    missing: tuple[str, ...] = field(repr=False)
    area: float
    eer: float
    tar: dict[float, float]
    thresholds: dict[float, float]
    curve: Roc = field(repr=False)
    notes: tuple[str, ...] = ()

    def numbers(self) -> dict[str, float]:
        """The figures without the curve, flat, for logs and files."""
        figures: dict[str, float] = {"pairs": self.pairs, "genuine_pairs": self.genuine, "left_out": self.left_out}
        figures |= {"auc": self.area, "eer": self.eer}
        figures |= {f"tar_at_far_{far:.0e}": value for far, value in self.tar.items()}
        figures |= {f"fnmr_at_fmr_{far:.0e}": 1 - value for far, value in self.tar.items()}
        return figures | {f"threshold_at_far_{far:.0e}": value for far, value in self.thresholds.items()}


@dataclass(frozen=True, slots=True)
class Templates:
    """Pooled embeddings by template id.

    Attributes:
        rows: Unit length, (T, D).
        row_of: Row of each id, -1 where a template has no image, int32 (largest id + 1,).
    """

    rows: NDArray[np.floating]
    row_of: NDArray[np.int32]

    @classmethod
    def of(cls, rows: NDArray[np.floating], ids: NDArray[np.integer]) -> "Templates":
        """Rows (T, D) with the id of each, (T,)."""
        row_of = np.full(int(ids.max()) + 1, -1, np.int32)
        row_of[ids] = np.arange(len(ids), dtype=np.int32)
        return cls(rows, row_of)

    def find(self, ids: NDArray[np.integer]) -> NDArray[np.int32]:
        """Row of each id, -1 for those without images."""
        inside = ids < len(self.row_of)
        return np.where(inside, self.row_of[np.where(inside, ids, 0)], np.int32(-1))


def verify_templates(
    name: str,
    templates: Templates,
    pairs: NDArray[np.integer],
    is_same: NDArray[np.bool_],
    missing: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
) -> TemplateVerification:
    """Judges pairs of templates, 1:1.

    Args:
        name: The set.
        templates: Pooled embeddings.
        pairs: Template ids, (P, 2).
        is_same: bool (P,).
        missing: Images that are not in the templates.
        notes: What to know of the figures.

    Raises:
        DataError: One kind of pair is missing.
    """
    rows = templates.find(pairs)
    kept = (rows >= 0).all(axis=1)
    is_same, scores = is_same[kept], pair_cosines(templates, rows[kept])
    curve = roc(scores, is_same)
    points = {far: curve.at_far(far) for far in FARS if far * np.count_nonzero(~is_same) >= 1}
    return TemplateVerification(
        name=name,
        pairs=len(scores),
        genuine=int(np.count_nonzero(is_same)),
        left_out=len(pairs) - len(scores),
        missing=missing,
        area=curve.area,
        eer=curve.eer,
        tar={far: point.tar for far, point in points.items()},
        thresholds={far: point.threshold for far, point in points.items()},
        curve=curve,
        notes=notes,
    )


def pair_cosines(templates: Templates, rows: NDArray[np.integer]) -> NDArray[np.float32]:
    """The scores of pairs of rows, (P, 2), float32 (P,); of millions of pairs no copy of both sides is made."""
    scores = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _BLOCK):
        first, second = rows[start : start + _BLOCK].T
        scores[start : start + _BLOCK] = np.einsum("pd,pd->p", templates.rows[first], templates.rows[second])
    return scores


def search_gallery(name: str, templates: Templates, probes: Subjects, gallery: Subjects) -> IdentificationResult:
    """Searches for probe templates in a gallery of templates, 1:N; probes of people outside of it are unknown.

    Raises:
        DataError: No probe or no gallery template has an image, or no probe shows anybody of the gallery.
    """
    enrolled, wanted = (templates.find(who.templates) for who in (gallery, probes))
    if not ((enrolled >= 0).any() and (wanted >= 0).any()):
        raise DataError(f"{name}: no template of the gallery or of the probes has an image")
    people = gallery.people[enrolled >= 0]
    return IdentificationResult(
        name=name,
        gallery=len(people),
        people=len(np.unique(people)),
        probes=int(np.count_nonzero(wanted >= 0)),
        result=identify(
            templates.rows[wanted[wanted >= 0]],
            probes.people[wanted >= 0],
            templates.rows[enrolled[enrolled >= 0]],
            people,
        ),
    )
