"""Error-versus-discard curves of a judged set, by what faces say themselves, or by any column of a CSV."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mfn.benchmarks.attributes import AttributeTable, matched
from mfn.benchmarks.verification import VerificationSet
from mfn.errors import DataError
from mfn.evaluation.embedding import ImageEmbeddings, embed_images
from mfn.evaluation.pair_scores import PairScores
from mfn.images.quality import blur
from mfn.inference.embedder import FaceEmbedder
from mfn.inference.quality import quality_of
from mfn.metrics.discard import DiscardCurve, discard_curve, pair_quality
from mfn.metrics.verification import roc
from mfn.sources.source import ImageSource

NORM, SHARPNESS = "norm", "sharpness"
"""The qualities that need nothing else: the length of the raw embedding, and the crop's variance of the Laplacian."""

Embed = Callable[[FaceEmbedder, ImageSource], ImageEmbeddings]
"""Embeds what can be embedded of a source's images."""


def embed_all(embedder: FaceEmbedder, source: ImageSource) -> ImageEmbeddings:
    """`embed_images`, of which broken images are left out."""
    return embed_images(embedder, source, strict=False)


@dataclass(frozen=True, slots=True)
class QualityChoice:
    """What curves are wanted.

    Attributes:
        by: `NORM`, `SHARPNESS`, network files of `networks` and columns of the table, which come first.
        limit: The largest share of the pairs to discard, above 0 and below 1.
        fmr: The false match rate over all pairs whose threshold is taken.
        table: Of a CSV.
        networks: What judges quality, by its file.
    """

    by: Sequence[str] = ()
    limit: float = 0.3
    fmr: float = 1e-3
    table: AttributeTable | None = None
    networks: Mapping[str, FaceEmbedder] = field(default_factory=dict)

    def is_column(self, name: str) -> bool:
        """Whether a quality of `by` is looked for in the table."""
        in_table = self.table is not None and name in self.table.columns
        return in_table or (name not in (NORM, SHARPNESS) and name not in self.networks)


@dataclass(frozen=True, slots=True)
class QualityCurve:
    """What discarding by one quality does to the false non-match rate.

    Attributes:
        by: The quality.
        is_column: Whether it is a column of a table, which no gate can ask.
        fmr: Of the threshold over all pairs, before anything is discarded.
        threshold: A cosine; it stays where it is.
        curve: Of the genuine pairs.
        unknown: Genuine pairs of which a quality is not known; they are left out.
        images: The known qualities of all images, float64 (N,), rising.
    """

    by: str
    is_column: bool
    fmr: float
    threshold: float
    curve: DiscardCurve
    unknown: int
    images: NDArray[np.float64] = field(repr=False)

    def refused(self, level: float) -> float:
        """The share of all images that a gate at this quality refuses, 0 to 1."""
        return float(np.searchsorted(self.images, level)) / len(self.images)


def quality_curves(
    pairs: VerificationSet,
    embedded: ImageEmbeddings,
    scored: PairScores,
    choice: QualityChoice,
    embed: Embed = embed_all,
) -> tuple[tuple[QualityCurve, ...], tuple[str, ...]]:
    """The curves, and notes on those that cannot be.

    Args:
        pairs: The set.
        embedded: Its raw embeddings.
        scored: The pairs' scores.
        choice: What is wanted.
        embed: How a network of quality gets to see the images.

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
        of_rows = _qualities(pairs, embedded, name, choice, embed)
        quality = pair_quality(of_rows, scored.rows[genuine])
        known = np.isfinite(quality)
        if not known.any():
            raise DataError(f"quality.by={name}: the quality of none of the genuine pairs of {pairs.name} is known")
        curve = discard_curve(wrong[known], quality[known], choice.limit)
        unknown, images = int(np.count_nonzero(~known)), np.sort(of_rows[np.isfinite(of_rows)])
        curves.append(QualityCurve(name, choice.is_column(name), choice.fmr, threshold, curve, unknown, images))
    return tuple(curves), ()


def _qualities(
    pairs: VerificationSet, embedded: ImageEmbeddings, name: str, choice: QualityChoice, embed: Embed
) -> NDArray[np.float64]:
    """The quality of each embedded image, float64 (N,), nan where it is not known."""
    if choice.is_column(name):
        return column_quality(pairs, name, choice.table)[embedded.positions]
    if name == NORM:
        return quality_of(embedded.plain)
    if name == SHARPNESS:
        return np.array([blur(pairs.source.image(int(position))) for position in embedded.positions])
    judged = embed(choice.networks[name], pairs.source)
    found = np.full(len(pairs.source), np.nan)
    found[judged.positions] = quality_of(judged.plain)
    return found[embedded.positions]


def column_quality(pairs: VerificationSet, name: str, table: AttributeTable | None) -> NDArray[np.float64]:
    """A column of numbers for each image, float64 (N,), nan where nothing is known; higher means better.

    Raises:
        DataError: There is no such column, or a value that is no number.
    """
    if table is None or name not in table.columns:
        has = "" if table is None else f": {table.path} has {', '.join(table.columns)}"
        raise DataError(
            f"quality.by={name} is neither {NORM}, {SHARPNESS} nor a network's file: it needs quality.file=FILE.csv "
            f"with a column of that name{has}"
        )
    values = matched(table, pairs, [name])[name].tolist()
    try:
        numbers = np.array([float(value) if value else math.nan for value in values])
    except ValueError as error:
        raise DataError(f"{table.path}: quality.by={name} needs a column of numbers ({error})") from None
    return np.where(np.isinf(numbers), math.nan, numbers)
