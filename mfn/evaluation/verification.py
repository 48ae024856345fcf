"""An embedder and a verification set to a result."""

import dataclasses
from functools import partial

from mfn.benchmarks.verification import VerificationSet
from mfn.evaluation.acquisition import acquired_images
from mfn.evaluation.embedding import embed_images
from mfn.evaluation.embedding_cache import EmbeddingCache
from mfn.evaluation.groups import GroupChoice, group_reports
from mfn.evaluation.measured import measured_scores
from mfn.evaluation.pair_scores import pair_scores
from mfn.evaluation.quality import QualityChoice, quality_curves
from mfn.evaluation.verification_result import VerificationResult, verification_result
from mfn.inference.embedder import FaceEmbedder
from mfn.metrics.insightface import pca_accuracy
from mfn.ranks import Ranks


def evaluate_verification(
    embedder: FaceEmbedder,
    pairs: VerificationSet,
    *,
    batch_size: int = 32,
    num_workers: int = 0,
    flip: str = "none",
    samples: int = 0,
    pca: int | None = None,
    cache: EmbeddingCache | None = None,
    keep_scores: bool = False,
    groups: GroupChoice | None = None,
    quality: QualityChoice | None = None,
    share: Ranks = Ranks(),  # noqa: B008 - a tuple
) -> VerificationResult:
    """Embeds every image once and judges the pairs.

    Args:
        embedder: The network with its contract.
        pairs: The verification set.
        batch_size: Images at a time.
        num_workers: Processes that decode.
        flip: What to do with the mirrored image's embedding: none | sum | concat.
        samples: Draws of the bootstrap for confidence intervals; 0 leaves them out.
        pca: Also judge after a PCA to this many components, fitted inside the folds.
        cache: Where embeddings are kept, so that a stopped run goes on; None: in memory alone.
        groups: What rates by group are wanted; None: those of the groups that the set gives its pairs.
        quality: What error-versus-discard curves are wanted.
        keep_scores: Also compare every image with every other, for thresholds of low false match rates.
        share: Which process this is; those beside it embed their part, see :mod:`mfn.evaluation.helping`.

    Raises:
        DataError: An image of a strict set cannot be decoded.
    """
    embed = cache.embed if cache else embed_images
    options = {"flip": flip, "batch_size": batch_size, "num_workers": num_workers, "share": share}
    embedded = embed(embedder, pairs.source, strict=pairs.strict, **options)
    unit = embedded.unit(flip)
    scored = pair_scores(pairs, embedded.positions, unit)
    reduced = None
    if pca is not None:
        first, second = (unit[scored.rows[:, side]] for side in (0, 1))
        reduced = pca_accuracy(first, second, scored.is_same, scored.fold_of, pca).mean
    result = verification_result(
        pairs,
        scored,
        norm=embedded.norm,
        pca_accuracy=reduced,
        samples=samples,
        images=acquired_images(pairs, embedded.positions),
    )
    by_group, unsaid = group_reports(pairs, embedded.positions, unit, scored, groups or GroupChoice(), samples)
    # Alone, whoever shares the work: those beside this process know of one network
    alone = partial(embed, strict=False, batch_size=batch_size, num_workers=num_workers)
    discards, undrawn = quality_curves(pairs, embedded, scored, quality or QualityChoice(), alone)
    notes = (*result.notes, *unsaid, *undrawn)
    result = dataclasses.replace(result, by_group=by_group, discards=discards, notes=notes)
    if not keep_scores:
        return result
    return dataclasses.replace(result, measured=measured_scores(pairs, embedded.positions, unit, scored, flip))
