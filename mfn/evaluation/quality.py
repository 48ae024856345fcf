"""Error-versus-discard curves of a judged set, by the length of embeddings or any column of a CSV."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mfn.benchmarks.attributes import AttributeTable, matched
from mfn.benchmarks.verification import VerificationSet
from mfn.errors import DataError
from mfn.evaluation.embedding import ImageEmbeddings
from mfn.evaluation.pair_scores import PairScores
from mfn.metrics.discard import DiscardCurve, discard_curve, pair_quality
from mfn.metrics.verification import roc

NORM = "norm"
"""The length of the raw embedding, the quality that needs nothing else."""


@dataclass(frozen=True, slots=True)
class QualityChoice:
    """What curves are wanted.

    Attributes:
        by: `NORM` and columns of the table.
        limit: The largest share of the pairs to discard, above 0 and below 1.
        fmr: The false match rate over all pairs whose threshold is taken.
        table: Of a CSV.
    """

    by: Sequence[str] = ()
    limit: float = 0.3
    fmr: float = 1e-3
    table: AttributeTable | None = None


@dataclass(frozen=True, slots=True)
class QualityCurve:
    """What discarding by one quality does to the false non-match rate.

    Attributes:
        by: The quality.
        fmr: Of the threshold over all pairs, before anything is discarded.
        threshold: A cosine; it stays where it is.
        curve: Of the genuine pairs.
        unknown: Genuine pairs of which a quality is not known; they are left out.
    """

    by: str
    fmr: float
    threshold: float
    curve: DiscardCurve
    unknown: int


def quality_curves(
    pairs: VerificationSet, embedded: ImageEmbeddings, scored: PairScores, choice: QualityChoice
) -> tuple[tuple[QualityCurve, ...], tuple[str, ...]]:
    """The curves, and notes on those that cannot be.

    Args:
        pairs: The set.
        embedded: Its raw embeddings.
        scored: The pairs' scores.
        choice: What is wanted.

    Raises:
        DataError: A column that is not there or holds no numbers.
    """
    impostors = int(np.count_nonzero(~scored.is_same))
    if not choice.by:
        return (), ()
    if choice.fmr * impostors < 1:
        return (), (
            f"{impostors:,} impostor pairs are too few for the threshold of quality.fmr={choice.fmr:g}: no "
            "error-versus-discard curve; raise quality.fmr",
        )
    threshold = roc(scored.cosines, scored.is_same).at_far(choice.fmr).threshold
    genuine = np.flatnonzero(scored.is_same)
    wrong = scored.cosines[genuine] < threshold
    curves = []
    for name in choice.by:
        of_rows = norms(embedded) if name == NORM else column_quality(pairs, name, choice.table)[embedded.positions]
        quality = pair_quality(of_rows, scored.rows[genuine])
        known = np.isfinite(quality)
        if not known.any():
            raise DataError(f"quality.by={name}: the quality of none of the genuine pairs of {pairs.name} is known")
        curve = discard_curve(wrong[known], quality[known], choice.limit)
        curves.append(QualityCurve(name, choice.fmr, threshold, curve, int(np.count_nonzero(~known))))
    return tuple(curves), ()


def norms(embedded: ImageEmbeddings) -> NDArray[np.float64]:
    """The length of each raw embedding, mean over both views, float64 (N,)."""
    views = [embedded.plain] if embedded.mirrored is None else [embedded.plain, embedded.mirrored]
    return np.mean([np.linalg.norm(view.astype(np.float64), axis=1) for view in views], axis=0)


def column_quality(pairs: VerificationSet, name: str, table: AttributeTable | None) -> NDArray[np.float64]:
    """A column of numbers for each image, float64 (N,), nan where nothing is known; higher means better.

    Raises:
        DataError: There is no such column, or a value that is no number.
    """
    if table is None or name not in table.columns:
        has = "" if table is None else f": {table.path} has {', '.join(table.columns)}"
        raise DataError(f"quality.by={name} needs quality.file=FILE.csv with a column of that name{has}")
    values = matched(table, pairs, [name])[name].tolist()
    try:
        numbers = np.array([float(value) if value else math.nan for value in values])
    except ValueError as error:
        raise DataError(f"{table.path}: quality.by={name} needs a column of numbers ({error})") from None
    return np.where(np.isinf(numbers), math.nan, numbers)
